"""Why each run runs or does not: from what the store holds, what code made it, and what was asked for."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pytest

import quadrat as qd
from quadrat.core.finished import Finished
from quadrat.core.identity import inputs_digest
from quadrat.plan.plan import build_plan
from studying import all_finished, finished_runs, plan, reasons, session, to_run

study = qd.Study("s")


@study.task
def fit(lr: float = 0.1) -> dict[str, float]:
    return {"loss": lr}


@study.task
def check(fit: qd.Done[Any, Any], eps: float = 1.0) -> dict[str, float]:
    return {"loss": eps}


@study.task
def mean(check: Annotated[qd.Many[Any, Any], qd.over("eps")]) -> dict[str, float]:
    return {"loss": 0.0}


SWEEP = ("lr=1,2,3", "eps=1,2")
NEW = plan(study, *SWEEP)


def without(task: str, place: int) -> Finished:
    """Everything finished but one run."""
    lost = NEW.tasks[task].ids[place]
    return finished_runs([one for each in NEW.tasks.values() for one in each.ids if one != lost])


def test_an_empty_store_has_everything_new() -> None:
    assert to_run(NEW) == {"fit": 3, "check": 6, "mean": 3}
    assert set(reasons(NEW, "mean")) == {"new"}
    assert NEW.counts() == {
        "study": "s", "runs": 12, "finished": 0, "to_run": 12, "failed": 0, "outdated": 0,
        "tasks": [
            {"task": "fit", "runs": 3, "finished": 0, "to_run": 3, "failed": 0, "outdated": 0},
            {"task": "check", "runs": 6, "finished": 0, "to_run": 6, "failed": 0, "outdated": 0},
            {"task": "mean", "runs": 3, "finished": 0, "to_run": 3, "failed": 0, "outdated": 0},
        ],
    }  # fmt: skip


def test_with_everything_finished_nothing_runs() -> None:
    made = plan(study, *SWEEP, finished=all_finished(NEW))
    assert to_run(made) == {"fit": 0, "check": 0, "mean": 0}
    assert made.counts()["finished"] == 12


def test_only_what_is_new_runs() -> None:
    made = plan(study, "lr=1,2,3,4", "eps=1,2", finished=all_finished(NEW))
    assert to_run(made) == {"fit": 1, "check": 2, "mean": 1}
    assert reasons(made, "fit") == ["finished"] * 3 + ["new"]
    # One more eps: the means have another member, which makes them other runs.
    assert to_run(plan(study, "lr=1,2,3", "eps=1,2,3", finished=all_finished(NEW))) == {"fit": 0, "check": 3, "mean": 3}


def test_what_was_lost_is_made_again_and_nothing_else_moves() -> None:
    # The upstream of finished runs is gone from the store: it is new, and what read it stays as it is.
    assert to_run(plan(study, *SWEEP, finished=without("fit", 0))) == {"fit": 1, "check": 0, "mean": 0}


def test_a_failed_run_is_tried_again_unless_asked_not_to() -> None:
    failed = [NEW.tasks["fit"].ids[1]]
    store = finished_runs([NEW.tasks["fit"].ids[0]], failed=failed)
    made = plan(study, *SWEEP, finished=store)
    assert reasons(made, "fit") == ["finished", "failed before", "new"]
    assert made.counts()["tasks"][0] == {
        "task": "fit", "runs": 3, "finished": 1, "to_run": 2, "failed": 1, "outdated": 0,
    }  # fmt: skip
    held = plan(study, *SWEEP, finished=store, rerun=("none",))
    assert reasons(held, "fit") == ["finished", "failed before, not tried again", "new"]
    assert to_run(held)["fit"] == 1


def test_a_run_of_older_code_is_outdated_and_stays_finished_unless_asked_for() -> None:
    code = session(study).codes["fit"]
    first, second, third = NEW.tasks["fit"].ids
    rest = [one for name in ("check", "mean") for one in NEW.tasks[name].ids]
    store = finished_runs([first, second, third, *rest], codes={first: "older", second: code})
    made = plan(study, *SWEEP, finished=store)
    assert made.counts()["tasks"][0]["outdated"] == 1
    assert to_run(made) == {"fit": 0, "check": 0, "mean": 0}
    again = plan(study, *SWEEP, finished=store, rerun=("outdated",))
    assert reasons(again, "fit") == ["outdated: code changed", "finished", "finished"]
    # What reads it will read other bytes: the two checks of that fit, and their mean.
    assert reasons(again, "check") == ["upstream", "upstream"] + ["finished"] * 4
    assert reasons(again, "mean") == ["upstream", "finished", "finished"]
    store.accepted = {f"fit:{code}": {"older"}}
    assert plan(study, *SWEEP, finished=store).counts()["outdated"] == 0


def test_asked_for_all() -> None:
    made = plan(study, *SWEEP, finished=all_finished(NEW), rerun=("all",))
    assert {reason for task in ("fit", "check", "mean") for reason in reasons(made, task)} == {"rerun asked for"}
    alone = plan(study, *SWEEP, finished=all_finished(NEW), rerun=("all",), only="fit")
    assert alone.counts()["to_run"] == 3
    below = plan(study, *SWEEP, finished=all_finished(NEW), rerun=("all",), to="fit")
    assert list(below.tasks) == ["fit"]


def test_a_run_that_read_what_was_made_again_since_runs_again() -> None:
    store = all_finished(NEW)
    digest = {one: int(store.digest[store.find([one])[0]]) for task in NEW.tasks.values() for one in task.ids}
    inputs = np.zeros(len(store.high), np.uint64)
    for item in NEW.items():
        above = [one for value in item["upstream"].values() for one in ([value] if isinstance(value, str) else value)]
        inputs[store.find([bytes.fromhex(item["id"])])[0]] = inputs_digest(digest[bytes.fromhex(one)] for one in above)
    store.inputs = inputs
    assert to_run(plan(study, *SWEEP, finished=store)) == {"fit": 0, "check": 0, "mean": 0}
    again = int(store.find([NEW.tasks["fit"].ids[0]])[0])
    store.attempt[again] = 2
    store.digest[again] += np.uint64(1)
    made = plan(study, *SWEEP, finished=store)
    assert to_run(made) == {"fit": 0, "check": 2, "mean": 1}
    assert reasons(made, "check")[:2] == ["upstream", "upstream"]


def test_a_temporary_artifact_that_is_gone_is_made_again_for_a_new_reader() -> None:
    class Big(qd.Result):
        table: qd.Temp

    other = qd.Study("t")

    @other.task
    def big(lr: float = 0.1) -> Big: ...

    @other.task
    def read(big: qd.Done[Any, Big], eps: float = 1.0) -> dict[str, float]: ...

    assert other.tasks["big"].temps == ["table"]
    before = plan(other, "lr=1,2")
    asked = session(other, "lr=1,2", "eps=1,2")
    made = build_plan(
        other,
        asked.names,
        asked.expansion.points(other.order),
        asked.wish,
        all_finished(before),
        asked.codes,
        {},
        lacks_temps=lambda one, runs: np.array([one.ids[run] == before.tasks["big"].ids[0] for run in runs]),
    )
    assert reasons(made, "big") == ["recreate", "finished"]
    # Both have a new reader (eps=2); one has lost what it is to read.
    assert to_run(made) == {"big": 1, "read": 2}


@pytest.mark.parametrize("kind", ["outdatd", "everything"])
def test_an_unknown_kind_of_rerun(kind: str) -> None:
    with pytest.raises(qd.BadInput, match=f"unknown kind of rerun '{kind}'"):
        plan(study, rerun=(kind,))


# ---- finding ids among many


def test_ids_that_agree_in_their_first_half_are_told_apart() -> None:
    same = b"\x01" * 8
    stored = [same + bytes([0] * 7 + [number]) for number in range(4)]
    found = finished_runs(stored)
    wanted = [stored[2], same + b"\xff" * 8, stored[0], b"\x02" * 16]
    assert [int(found.low[place]) if place >= 0 else None for place in found.find(wanted)] == [2, None, 0, None]
    assert list(Finished.empty().find(wanted)) == [-1] * 4
    assert list(found.find([])) == []

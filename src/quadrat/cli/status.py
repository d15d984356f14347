"""`quadrat status`: how a sweep stands."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from quadrat.cli.common import (
    ConfigOption,
    JsonOption,
    OnlyOption,
    OverridesArgument,
    StoreOption,
    StudyArgument,
    ToOption,
    WhereOption,
    answer,
    make_session,
    say,
    table,
)
from quadrat.core.errors import ClusterError

if TYPE_CHECKING:
    from quadrat.plan.plan import Plan
    from quadrat.session import Session
    from quadrat.submitting import Outcome


def status(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    where: WhereOption = None,
    only: OnlyOption = None,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many runs of each task are finished, to run, failed and outdated.

    Examples:
      quadrat status mnist_fgsm

      quadrat status mnist_fgsm seed=1,2,3,4 --json

      quadrat status mnist_fgsm --only part_3_train_and_test_command
    """
    session = make_session(study, overrides, store=store, config=config, where=where, only=only, to=to)
    plan = session.plan(write_index=True)
    counts = plan.counts()
    queued, found = _cluster(session, plan)
    if as_json:
        answer({**counts, **({"cluster": _told(queued, found)} if found is not None else {})})
        return
    keys = ("runs", "finished", "to_run", "failed", "outdated")
    rows = [[one["task"], *(one[key] for key in keys)] for one in counts["tasks"]]
    rows.append(["total", *(counts[key] for key in keys)])
    columns = ["task", "runs", "finished", "to run", "failed", "outdated"]
    if found is not None:
        columns += ["running", "queued"]
        for row in rows[:-1]:
            row += [queued[str(row[0])][state] for state in ("running", "pending")]
        rows[-1] += [sum(one[state] for one in queued.values()) for state in ("running", "pending")]
    table(columns, rows)
    for line in found.lines() if found is not None else ():
        say(line)
    if session.store.exists and session.store.index.torn:
        say(f"{len(session.store.index.torn)} runs cannot be read: see `quadrat verify`")
    if counts["outdated"]:
        say(outdated_line(counts["outdated"], session.study.name))


def _cluster(session: Session, plan: Plan) -> tuple[dict[str, Counter[str]], Outcome | None]:
    """What of the plan is in SLURM's queue, and what went wrong; None where nothing was ever submitted."""
    if not session.store.layout.submissions.exists():
        return {}, None
    from quadrat.submitting import of_plan

    try:
        return of_plan(session.store, plan) or ({}, None)
    except ClusterError as error:
        say(f"SLURM's queue is not known: {error}")
        return {}, None


def _told(queued: dict[str, Counter[str]], found: Outcome | None) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "running": sum(one["running"] for one in queued.values()),
        "queued": sum(one["pending"] for one in queued.values()),
        "tasks": {name: {"running": one["running"], "queued": one["pending"]} for name, one in queued.items()},
        **({key: value for key, value in found.told().items() if key in ("problems", "held")} if found else {}),
    }


def outdated_line(count: int, study: str) -> str:
    """What to say of runs whose code has changed since."""
    return (
        f"OUTDATED: the code of {count:,} finished runs has changed since they ran "
        f"(`--rerun outdated` runs them again, `quadrat accept {study}` declares them as good as new)"
    )

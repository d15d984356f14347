"""What of a study is planned: --where, --only, --to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

import quadrat as qd
from studying import column, plan, runs, write_study


class Fit(qd.Params):
    lr: float = 0.1
    kind: str = "a"
    seed: int | None = 0


study = qd.Study("s")


@study.space
def space() -> dict[str, qd.Space]:
    return {"fit": qd.points([{}]).label(group="x") + qd.points([{"kind": "b"}]).label(group="y")}


@study.task
def fit(params: Fit) -> dict[str, float]: ...


@study.task
def check(fit: qd.Done[Fit, Any], eps: float = 1.0) -> dict[str, float]: ...


@study.task
def mean(check: Annotated[qd.Many[Any, Any], qd.over("seed")]) -> dict[str, float]: ...


SWEEP = ("lr=0.1,0.2,0.3", "seed=1,2", "eps=1,2")


@pytest.mark.parametrize(
    ("where", "fits", "tests"),
    [
        ((), 12, 24),
        (("lr=0.1",), 4, 8),
        (("lr=0.1,0.2",), 8, 16),
        (("lr!=0.1",), 8, 16),
        (("lr!=0.1,0.2",), 4, 8),
        (("lr>0.1",), 8, 16),
        (("lr>=0.2", "lr<0.3"), 4, 8),
        (("lr<=0.1", "seed=1"), 2, 4),
        (("seed=range(1,2)",), 6, 12),
        (("fit.lr=0.1",), 4, 8),
        (("group=x",), 6, 12),
        (("group!=x",), 6, 12),
        (("kind=b",), 6, 12),
        (("eps=1",), 12, 12),  # only what has the parameter is selected by it
        (("eps=1", "group=y", "seed=2"), 3, 3),
    ],
)
def test_where(where: tuple[str, ...], fits: int, tests: int) -> None:
    found = runs(plan(study, *SWEEP, where=where))
    assert (found["fit"], found["check"]) == (fits, tests)


def test_a_gather_takes_the_members_that_were_selected() -> None:
    assert runs(plan(study, *SWEEP))["mean"] == 12
    made = plan(study, *SWEEP, where=("seed=1",))
    assert {len(item["upstream"]["check"]) for item in made.items() if item["task"] == "mean"} == {1}


def test_nothing_selects_a_null() -> None:
    assert column(plan(study, "seed=null,1", where=("seed=null",)), "fit", "seed") == [None, None]
    assert runs(plan(study, "seed=null,1", where=("seed!=null",)))["fit"] == 2
    assert runs(plan(study, "seed=null,1", where=("seed>0",)))["fit"] == 2


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("lrr=1", "--where lrr=1: unknown parameter 'lrr'\n  did you mean 'lr'?"),
        ("lr", "'lr' selects nothing\n  write name=value, name=a,b, name!=a, name<a, name>=a"),
        ("lr=7", "no run passes lr=7"),
        ("kind>1", "--where kind>1: 'a' and '1' cannot be compared"),
        ("group=z", "no run passes group=z"),
    ],
)
def test_a_selection_that_cannot_be(where: str, message: str) -> None:
    with pytest.raises(qd.BadInput) as refused:
        plan(study, *SWEEP, where=(where,))
    assert str(refused.value) == message


def test_up_to_a_task_and_a_task_alone() -> None:
    assert runs(plan(study, *SWEEP, to="check")) == {"fit": 12, "check": 24}
    alone = plan(study, *SWEEP, only="check")
    assert runs(alone) == {"check": 24}  # its upstreams are planned, but not to be run
    assert list(alone.tasks) == ["fit", "check"]
    assert alone.counts()["to_run"] == 24
    assert {item["task"] for item in alone.items()} == {"check"}


def test_a_field_inside_a_tree_and_a_field_of_some_variants(tmp_path: Path) -> None:
    file = write_study(
        tmp_path,
        """
        study = qd.Study("s")

        class A(qd.Params):
            name: Literal["a"] = "a"
            x: int = 1

        class B(qd.Params):
            name: Literal["b"] = "b"
            y: int = 1

        class P(qd.Params):
            part: A | B = A()
            tree: dict[str, Any] = {}

        @study.task
        def fit(params: P) -> dict: ...
        """,
    )
    sweep = ("part={name:a,x:1},{name:a,x:2},{name:b}", "tree={w:1},{w:2,v:3}")
    assert runs(plan(file, *sweep)) == {"fit": 6}
    assert runs(plan(file, *sweep, where=("part.name=a",))) == {"fit": 4}
    assert runs(plan(file, *sweep, where=("x=2",))) == {"fit": 2}
    assert runs(plan(file, *sweep, where=("y=null",))) == {"fit": 4}
    assert runs(plan(file, *sweep, where=("tree.w=2",))) == {"fit": 3}
    assert runs(plan(file, *sweep, where=("tree.v=null",))) == {"fit": 3}

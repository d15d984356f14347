"""Rows: natural joins, conditional upstreams, parameters that depend on upstreams, rows that are one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

import quadrat as qd
from studying import column, ids, params, plan, runs, write_study


class Seeded(qd.Params):
    seed: int = 0


class Made(Seeded):
    size: int = 1


class Used(Seeded):
    eps: float = 1.0


def upstreams(made: Any, task: str) -> list[dict[str, Any]]:
    """What each run of a task reads."""
    return [item["upstream"] for item in made.items() if item["task"] == task]


def test_nothing_in_common_is_the_product() -> None:
    study = qd.Study("s")

    @study.task
    def one(a: int = 0) -> dict[str, float]: ...

    @study.task
    def two(b: int = 0) -> dict[str, float]: ...

    @study.task
    def both(one: qd.Done[Any, Any], two: qd.Done[Any, Any], c: int = 0) -> dict[str, float]: ...

    assert runs(plan(study, "a=1,2", "b=1,2,3", "c=1,2")) == {"one": 2, "two": 3, "both": 12}


def test_a_shared_parameter_joins() -> None:
    study = qd.Study("s")

    @study.task
    def make(params: Made) -> dict[str, float]: ...

    @study.task
    def use(params: Used, make: qd.Done[Made, Any]) -> dict[str, float]: ...

    made = plan(study, "seed=1,2,3", "size=1,2", "eps=1,2")
    assert runs(made) == {"make": 6, "use": 12}  # 3 seeds × 2 sizes × 2 eps; not 3 × 2 × 3 × 2
    seeds = {item["id"]: item["params"]["seed"] for item in made.items()}
    assert all(
        seeds[item["upstream"]["make"]] == item["params"]["seed"] for item in made.items() if item["task"] == "use"
    )


def test_two_upstreams_join_on_their_shared_parameter_although_the_task_has_none() -> None:
    study = qd.Study("s")

    @study.task
    def one(params: Made) -> dict[str, float]: ...

    @study.task
    def two(params: Used) -> dict[str, float]: ...

    @study.task
    def both(one: qd.Done[Made, Any], two: qd.Done[Used, Any]) -> dict[str, float]: ...

    assert runs(plan(study, "seed=1,2,3")) == {"one": 3, "two": 3, "both": 3}


def test_common_ancestors_join_however_far_up() -> None:
    study = qd.Study("s")

    @study.task
    def data(kind: int = 0) -> dict[str, float]: ...

    @study.task
    def left(data: qd.Done[Any, Any], a: int = 0) -> dict[str, float]: ...

    @study.task
    def right(data: qd.Done[Any, Any], b: int = 0) -> dict[str, float]: ...

    @study.task
    def far(right: qd.Done[Any, Any]) -> dict[str, float]: ...

    @study.task
    def both(left: qd.Done[Any, Any], far: qd.Done[Any, Any], data: qd.Done[Any, Any]) -> dict[str, float]: ...

    made = plan(study, "kind=1,2", "a=1,2", "b=1,2,3")
    assert runs(made) == {"data": 2, "left": 4, "right": 6, "far": 6, "both": 12}  # 2 kinds × 2 × 3


def test_labels_join() -> None:
    study = qd.Study("s")

    @study.space
    def space() -> dict[str, qd.Space]:
        x, y = qd.label(group="x"), qd.label(group="y")
        return {
            "one": x * qd.grid(a=[1, 2]) + y * qd.grid(a=[3]),
            "two": x * qd.grid(b=[1]) + y * qd.grid(b=[2, 3]),
        }

    @study.task
    def one(a: int = 0) -> dict[str, float]: ...

    @study.task
    def two(one: qd.Done[Any, Any], b: int = 0) -> dict[str, float]: ...

    made = plan(study)
    assert runs(made) == {"one": 3, "two": 4}  # 2 × 1 in x, 1 × 2 in y
    assert column(made, "two", "b") == [1, 1, 2, 3]


def test_labels_are_in_no_id() -> None:
    def labelled(**labels: str) -> dict[str, list[str]]:
        study = qd.Study("s")

        @study.space
        def space() -> dict[str, qd.Space]:
            return {"one": qd.grid(a=[1, 2]).label(**labels)}

        @study.task
        def one(a: int = 0) -> dict[str, float]: ...

        return ids(plan(study))

    assert labelled() == labelled(group="x") == labelled(group="y", kind="z")


def test_rows_with_equal_ids_are_one_run() -> None:
    study = qd.Study("s")

    @study.space
    def space() -> dict[str, qd.Space]:
        return {"one": qd.grid(a=[1, 2]).label(group="x") + qd.grid(a=[2, 3]).label(group="y")}

    @study.task
    def one(a: int = 0) -> dict[str, float]: ...

    @study.task
    def two(one: qd.Done[Any, Any]) -> dict[str, float]: ...

    made = plan(study)
    assert runs(made) == {"one": 3, "two": 3}
    assert [made.tasks[task].made.rows.size for task in ("one", "two")] == [4, 4]


def conditional() -> qd.Study:
    study = qd.Study("s")

    @study.task
    def init(params: Made) -> dict[str, float]: ...

    @study.task
    def train(init: qd.Done[Made, Any], epochs: int = 1) -> dict[str, float]: ...

    @study.task
    def test(
        init: qd.Done[Made, Any],
        train: Annotated[qd.Done[Any, Any] | None, qd.when(lambda p: p.status == "trained")],
        status: str = "trained",
    ) -> dict[str, float]: ...

    @study.task
    def report(test: Annotated[qd.Many[Any, Any], qd.by("status")]) -> dict[str, float]: ...

    return study


def test_a_conditional_upstream_is_joined_where_it_is_wanted() -> None:
    made = plan(conditional(), "seed=1,2", "epochs=1,2,3", "status=init,trained")
    # status init: one for each seed; trained: one for each of 2 × 3 trainings, on the init that it began with.
    assert runs(made) == {"init": 2, "train": 6, "test": 8, "report": 2}
    begun = {item["id"]: item["upstream"]["init"] for item in made.items() if item["task"] == "train"}
    for item in made.items():
        if item["task"] == "test":
            train = item["upstream"]["train"]
            assert (train is None) == (item["params"]["status"] == "init")
            assert train is None or begun[train] == item["upstream"]["init"]


def test_without_the_conditional_upstream_nothing_of_it_is_in_the_id() -> None:
    one = plan(conditional(), "status=init", "epochs=1")
    other = plan(conditional(), "status=init", "epochs=1,2,3")
    assert one.tasks["test"].ids == other.tasks["test"].ids


def test_a_task_that_reads_what_a_row_has_not_drops_that_row() -> None:
    study = conditional()

    @study.task
    def compare(test: qd.Done[Any, Any], train: qd.Done[Any, Any]) -> dict[str, float]: ...

    # Tests of status init stand on no training: there is nothing to compare them with.
    assert runs(plan(study, "status=init,trained", "epochs=1,2"))["compare"] == 2


# ---- parameters that depend on others


def following() -> qd.Study:
    study = qd.Study("s")

    @study.task
    def make(width: int = 1, depth: int = 2) -> dict[str, float]: ...

    @study.task
    def use(
        make: qd.Done[Any, Any], width: Annotated[int, qd.follow("make.width")] = 0, eps: float = 1.0
    ) -> dict[str, float]: ...

    return study


def test_a_parameter_follows_another_unless_it_is_set() -> None:
    made = plan(following(), "make.width=3,5", "make.depth=1,2", "eps=1,2")
    assert runs(made) == {"make": 4, "use": 8}
    widths = {item["id"]: item["params"].get("width") for item in made.items()}
    for item in made.items():
        if item["task"] == "use":
            assert item["params"]["width"] == widths[item["upstream"]["make"]]
    assert len(made.tasks["use"].made.points) == 4  # 2 widths × 2 eps: once for each distinct tuple
    assert set(column(plan(following(), "make.width=3,5", "use.width=7"), "use", "width")) == {7}


def test_what_was_followed_is_in_the_id_as_if_it_were_set() -> None:
    assert ids(plan(following(), "make.width=3")) == ids(plan(following(), "make.width=3", "use.width=3"))


def test_a_parameter_may_follow_one_inside_a_tree_of_a_far_upstream() -> None:
    class Net(qd.Params):
        idle: int = 5

    class Make(qd.Params):
        net: Net = Net()

    study = qd.Study("s")

    @study.task
    def make(params: Make) -> dict[str, float]: ...

    @study.task
    def middle(make: qd.Done[Make, Any]) -> dict[str, float]: ...

    @study.task
    def use(middle: qd.Done[Any, Any], idle: Annotated[int, qd.follow("make.net.idle")] = 0) -> dict[str, float]: ...

    assert column(plan(study, "net.idle=7,8"), "use", "idle") == [7, 8]
    assert column(plan(study), "use", "idle") == [5]


def test_a_followed_value_is_validated() -> None:
    study = qd.Study("s")

    @study.task
    def make(name: str = "x") -> dict[str, float]: ...

    @study.task
    def use(make: qd.Done[Any, Any], size: Annotated[int, qd.follow("make.name")] = 0) -> dict[str, float]: ...

    with pytest.raises(qd.BadInput, match=r"parameter 'use.size': should be a valid integer, not 'x'"):
        plan(study)


def test_references_into_upstreams_with_text_around_them(tmp_path: Path) -> None:
    text = """
    study = qd.Study("s")

    @study.task
    def make(width: int = 1, depth: int = 2) -> dict: ...

    @study.task
    def use(make: qd.Done[Any, Any], name: str = "", tree: dict[str, Any] = {}) -> dict: ...
    """
    config = "use:\n  name: w${make.width}-d${depth}\n  tree: {deep: {width: '${width}', list: ['${depth}', 0]}}\n"
    made = plan(write_study(tmp_path, text, config=config), "width=3,4")
    assert params(made, "use") == [
        {"name": f"w{width}-d2", "tree.deep.width": width, "tree.deep.list": [2, 0]} for width in (3, 4)
    ]


def test_an_axis_of_references(tmp_path: Path) -> None:
    study = following()
    made = plan(study, "make.width=3,4", "use.width=${make.width},9")
    assert sorted(column(made, "use", "width")) == [3, 4, 9, 9]


# ---- the order of runs


def test_runs_come_in_the_order_of_the_upstreams_rows_and_then_of_the_own_points() -> None:
    study = qd.Study("s")

    @study.task
    def one(a: int = 0) -> dict[str, float]: ...

    @study.task
    def two(one: qd.Done[Any, Any], b: int = 0) -> dict[str, float]: ...

    made = plan(study, "a=2,1", "b=5,3")
    assert column(made, "one", "a") == [2, 1]
    assert column(made, "two", "b") == [5, 3, 5, 3]
    assert [one["one"] for one in upstreams(made, "two")] == [
        made.tasks["one"].ids[place].hex() for place in (0, 0, 1, 1)
    ]


def test_a_study_whose_tasks_stand_in_any_order() -> None:
    study = qd.Study("s")

    @study.task
    def last(first: qd.Done[Any, Any]) -> dict[str, float]: ...

    @study.task
    def first(a: int = 0) -> dict[str, float]: ...

    assert list(runs(plan(study, "a=1,2"))) == ["first", "last"]


def test_a_study_without_parameters_has_one_run_of_each_task() -> None:
    study = qd.Study("s")

    @study.task
    def first() -> dict[str, float]: ...

    @study.task
    def second(first: qd.Done[Any, Any]) -> dict[str, float]: ...

    assert runs(plan(study)) == {"first": 1, "second": 1}

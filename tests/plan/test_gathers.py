"""Gathers: groups over and by parameters, labels, fields inside trees and settings; and what stands on groups."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
import pytest

import quadrat as qd
from quadrat.plan.plan import Plan
from studying import ids, plan, runs


class HMC(qd.Params):
    name: Literal["hmc"] = "hmc"
    draws: int = 1


class SGLD(qd.Params):
    name: Literal["sgld"] = "sgld"
    step: float = 0.1


class Sampling(qd.Params):
    sampler: Annotated[HMC | SGLD, pydantic.Field(discriminator="name")] = HMC()
    seed: int = 0


class Targeting(qd.Params):
    size: int = 1
    tree: dict[str, Any] = pydantic.Field(default_factory=dict)


def study_with(*marks: Any) -> qd.Study:
    """Targets, samples of them, and one gather of the samples for each mark."""
    study = qd.Study("s")

    @study.space
    def space(tag: str = "t") -> dict[str, qd.Space]:
        return {"target": qd.points([{}]).label(kind="k")}

    @study.task
    def target(params: Targeting) -> dict[str, float]: ...

    @study.task
    def sample(params: Sampling, target: qd.Done[Targeting, Any]) -> dict[str, float]: ...

    for number, mark in enumerate(marks):

        def gather(sample: Annotated[qd.Many[Sampling, Any], mark]) -> dict[str, float]: ...

        study.task(name=f"gather{number}")(gather)
    return study


SWEEP = ("size=1,2", "seed=1,2,3", "sampler={name:hmc,draws:1},{name:hmc,draws:2},{name:sgld,step:0.1}")


def groups(made: Plan, task: str = "gather0", argument: str = "sample") -> list[dict[str, Any]]:
    """The values of each group of a gather, and how many members it has."""
    found = made.tasks[task].made.groups[argument]
    return [{**values, "#": len(found.of(place))} for place, values in enumerate(found.values)]


@pytest.mark.parametrize(
    ("mark", "count", "size"),
    [
        (qd.over("seed"), 6, 3),  # 2 sizes × 3 samplers
        (qd.over("seed", "size"), 3, 6),
        (qd.over("sampler"), 6, 3),  # 2 sizes × 3 seeds
        (qd.over("sampler", "seed", "size"), 1, 18),
        (qd.over(), 18, 1),
        (qd.by("seed"), 3, 6),
        (qd.by("size", "sampler"), 6, 3),
        (qd.by("sampler.name"), 2, None),  # 12 of hmc, 6 of sgld
        (qd.by("kind", "tag"), 1, 18),  # a label and a setting: one value each
        (qd.by(), 1, 18),
    ],
)
def test_how_many_groups(mark: Any, count: int, size: int | None) -> None:
    made = plan(study_with(mark), *SWEEP)
    assert runs(made) == {"target": 2, "sample": 18, "gather0": count}
    sizes = [one["#"] for one in groups(made)]
    assert sum(sizes) == 18
    assert size is None or sizes == [size] * count


def test_what_a_group_agrees_in() -> None:
    made = plan(study_with(qd.by("sampler.name", "size", "kind", "tag")), *SWEEP)
    assert [list(one.values()) for one in groups(made)] == [
        ["hmc", 1, "k", "t", 6],
        ["sgld", 1, "k", "t", 3],
        ["hmc", 2, "k", "t", 6],
        ["sgld", 2, "k", "t", 3],
    ]
    assert list(groups(made)[0]) == ["sample.sampler.name", "target.size", "kind", "tag", "#"]


def test_over_a_field_inside_a_parameter() -> None:
    made = plan(study_with(qd.over("sampler.draws", "seed")), *SWEEP)
    # hmc with 1 and with 2 draws are one group, sgld another: 2 sizes × 2.
    assert [(one["target.size"], one["sample.sampler.name"], one["#"]) for one in groups(made)] == [
        (1, "hmc", 6),
        (1, "sgld", 3),
        (2, "hmc", 6),
        (2, "sgld", 3),
    ]
    assert {one.get("sample.sampler.step") for one in groups(made)} == {None, 0.1}


def test_over_a_field_of_a_free_tree() -> None:
    study = study_with(qd.over("tree.width"))
    made = plan(study, "tree={width:1,act:a},{width:2,act:a},{width:1,act:b},{act:b}")
    assert [(one["target.tree.act"], one["#"]) for one in groups(made)] == [("a", 2), ("b", 2)]


def test_over_a_label() -> None:
    study = qd.Study("s")

    @study.space
    def space() -> dict[str, qd.Space]:
        return {"one": qd.grid(a=[1, 2]).label(group="x") + qd.grid(a=[2, 3]).label(group="y")}

    @study.task
    def one(a: int = 0) -> dict[str, float]: ...

    @study.task
    def each(one: Annotated[qd.Many[Any, Any], qd.by("group")]) -> dict[str, float]: ...

    @study.task
    def across(one: Annotated[qd.Many[Any, Any], qd.over("group")]) -> dict[str, float]: ...

    made = plan(study)
    assert [(one["group"], one["#"]) for one in groups(made, "each", "one")] == [("x", 2), ("y", 2)]
    assert [(one["one.a"], one["#"]) for one in groups(made, "across", "one")] == [(1, 1), (2, 1), (3, 1)]


def test_two_gathers_of_one_task_join_on_what_their_groups_agree_in() -> None:
    study = study_with()

    @study.task
    def check(
        sample: Annotated[qd.Many[Sampling, Any], qd.over("seed")],
        target: Annotated[qd.Many[Targeting, Any], qd.over()],
    ) -> dict[str, float]: ...

    made = plan(study, *SWEEP)
    assert runs(made)["check"] == 6
    sizes = {item["id"]: item["params"].get("size") for item in made.items()}
    targets = {item["id"]: item["upstream"].get("target") for item in made.items() if item["task"] == "sample"}
    for item in made.items():
        if item["task"] == "check":
            (target,) = item["upstream"]["target"]
            assert {sizes[targets[member]] for member in item["upstream"]["sample"]} == {sizes[target]}


def test_a_gather_and_a_run_join_on_the_common_ancestor() -> None:
    study = study_with()

    @study.task
    def compare(
        target: qd.Done[Targeting, Any], sample: Annotated[qd.Many[Sampling, Any], qd.over("seed", "sampler")]
    ) -> dict[str, float]: ...

    made = plan(study, *SWEEP)
    assert runs(made)["compare"] == 2
    assert [one["#"] for one in groups(made, "compare")] == [9, 9]


def test_a_gather_by_a_field_joins_with_what_has_the_whole() -> None:
    study = study_with()

    @study.task
    def compare(
        sample: qd.Done[Sampling, Any],
        more: Annotated[int, qd.off_id()] = 0,
    ) -> dict[str, float]: ...

    @study.task
    def named(compare: Annotated[qd.Many[Any, Any], qd.by("sampler.name")]) -> dict[str, float]: ...

    @study.task
    def back(
        named: qd.Done[Any, Any], sample: Annotated[qd.Many[Sampling, Any], qd.over("seed")]
    ) -> dict[str, float]: ...

    made = plan(study, *SWEEP)
    assert runs(made)["named"] == 2
    # Each group of samples belongs to the one `named` of its sampler's name: 6, and not 12.
    assert runs(made)["back"] == 6


def test_a_gather_of_gathers() -> None:
    study = study_with(qd.over("seed"))

    @study.task
    def top(gather0: Annotated[qd.Many[Any, Any], qd.over("size")]) -> dict[str, float]: ...

    @study.task
    def names(gather0: Annotated[qd.Many[Any, Any], qd.by("sampler.name")]) -> dict[str, float]: ...

    @study.task
    def all_of_it(top: Annotated[qd.Many[Any, Any], qd.by()]) -> dict[str, float]: ...

    made = plan(study, *SWEEP)
    assert runs(made) == {"target": 2, "sample": 18, "gather0": 6, "top": 3, "names": 2, "all_of_it": 1}


def test_a_gather_over_what_a_field_left_of_a_parameter() -> None:
    study = study_with(qd.over("sampler.draws"))

    @study.task
    def top(gather0: Annotated[qd.Many[Any, Any], qd.over("sampler.name", "sampler.step")]) -> dict[str, float]: ...

    assert runs(plan(study, *SWEEP)) == {"target": 2, "sample": 18, "gather0": 12, "top": 6}


def test_members_are_each_once_and_in_the_order_of_the_plan() -> None:
    study = qd.Study("s")

    @study.space
    def space() -> dict[str, qd.Space]:
        return {"one": qd.grid(a=[3, 1]).label(group="x") + qd.grid(a=[1, 2]).label(group="y")}

    @study.task
    def one(a: int = 0) -> dict[str, float]: ...

    @study.task
    def every(one: Annotated[qd.Many[Any, Any], qd.by()]) -> dict[str, float]: ...

    made = plan(study)
    (item,) = [item for item in made.items() if item["task"] == "every"]
    assert item["upstream"]["one"] == [one.hex() for one in made.tasks["one"].ids]


def test_the_id_of_a_group_is_its_members_and_its_values() -> None:
    more = plan(study_with(qd.by("seed")), *SWEEP)
    less = plan(study_with(qd.by("seed")), SWEEP[0], "seed=1,2", SWEEP[2])
    assert ids(less)["gather0"] == ids(more)["gather0"][:2]  # the groups of seeds 1 and 2 are as they were
    fewer = plan(study_with(qd.by("seed")), "size=1", *SWEEP[1:])
    assert not set(ids(fewer)["gather0"]) & set(ids(more)["gather0"])  # other members: other groups


def test_groups_of_equal_members_under_two_labels_are_one_run_over_and_two_by() -> None:
    def figures(mark: Any) -> int:
        study = qd.Study("s")

        @study.space
        def space() -> dict[str, qd.Space]:
            return {"one": qd.grid(a=[1, 2]).label(group="x") + qd.grid(a=[1, 2]).label(group="y")}

        @study.task
        def one(a: int = 0) -> dict[str, float]: ...

        @study.task
        def figure(one: Annotated[qd.Many[Any, Any], mark]) -> dict[str, float]: ...

        return runs(plan(study))["figure"]

    assert figures(qd.over("a")) == 1  # the label is in no ordinary id
    assert figures(qd.by("group")) == 2  # here it is what was asked for


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (qd.over("sed"), "unknown parameter or label of task 'sample': 'sed'"),
        (qd.by("kindd"), "unknown parameter or label of task 'sample': 'kindd'"),
        (qd.over("depth"), "unknown parameter or label of task 'sample': 'depth'"),
    ],
)
def test_a_name_that_the_rows_do_not_know(mark: Any, message: str) -> None:
    with pytest.raises(qd.BadInput) as refused:
        plan(study_with(mark))
    assert refused.value.message == message
    assert (refused.value.where or "").startswith(__file__)


def test_a_name_that_is_ambiguous_among_what_the_rows_know() -> None:
    study = qd.Study("s")

    @study.task
    def one(seed: int = 0) -> dict[str, float]: ...

    @study.task
    def two(one: qd.Done[Any, Any], seed: int = 0) -> dict[str, float]: ...

    @study.task
    def mean(two: Annotated[qd.Many[Any, Any], qd.over("seed")]) -> dict[str, float]: ...

    with pytest.raises(
        qd.BadInput, match=r"'seed' is ambiguous among the parameters of 'two'\n  write one of: one.seed, two.seed"
    ):
        plan(study)


def test_a_bare_name_is_enough_where_one_of_the_chain_has_it() -> None:
    study = qd.Study("s")

    @study.task
    def apart(seed: int = 0) -> dict[str, float]: ...

    @study.task
    def one(seed: int = 0) -> dict[str, float]: ...

    @study.task
    def mean(one: Annotated[qd.Many[Any, Any], qd.over("seed")]) -> dict[str, float]: ...

    assert runs(plan(study, "one.seed=1,2,3")) == {"apart": 1, "one": 3, "mean": 1}


def test_what_enters_no_id_sets_no_groups_apart() -> None:
    class Noted(qd.Params):
        size: int = 1
        seed: int = 0
        note: Annotated[str, qd.off_id()] = ""

    study = qd.Study("s")

    @study.space
    def space() -> dict[str, qd.Space]:
        return {"one": qd.points([{"size": n, "seed": k, "note": f"{n}-{k}"} for n in (1, 2) for k in (1, 2, 3)])}

    @study.task
    def one(params: Noted) -> dict[str, float]: ...

    @study.task
    def mean(one: Annotated[qd.Many[Noted, Any], qd.over("seed")]) -> dict[str, float]: ...

    made = plan(study)
    assert runs(made) == {"one": 6, "mean": 2}
    assert [group["#"] for group in groups(made, "mean", "one")] == [3, 3]

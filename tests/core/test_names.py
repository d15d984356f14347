"""One resolver of names: what is shared, what is enough, what is told where it is not."""

# ruff: noqa: RUF012 - pydantic copies the defaults of fields

from __future__ import annotations

from typing import Any

import pytest

import quadrat as qd
from quadrat.core.names import Names
from studying import column, params, plan, runs


class Seeded(qd.Params):
    seed: int = 0


class Inner(qd.Params):
    depth: int = 2
    act: str = "relu"


class Make(Seeded):
    size: int = 1
    net: Inner = Inner()
    tree: dict[str, Any] = {}


class Use(Seeded):
    size: int = 1
    eps: float = 0.1


study = qd.Study("names")


@study.task
def make(params: Make) -> dict[str, float]: ...


@study.task
def use(params: Use, make: qd.Done[Make, Any], lr: float = 0.1) -> dict[str, float]: ...


names = Names(study)


def test_a_field_of_one_base_is_one_parameter_with_a_plain_name() -> None:
    assert [param.key for param in names] == [
        "seed",
        "make.size",
        "make.net",
        "make.tree",
        "use.size",
        "use.eps",
        "use.lr",
    ]
    assert names.find("seed").param.tasks == ("make", "use")


def test_a_field_that_is_declared_again_is_a_parameter_of_its_own() -> None:
    class Again(Make):
        seed: int = 7

    other = qd.Study("again")

    @other.task
    def one(params: Make) -> dict[str, float]: ...

    @other.task
    def two(params: Again) -> dict[str, float]: ...

    assert [param.key for param in Names(other) if param.field == "seed"] == ["one.seed", "two.seed"]
    assert Names(other).find("size").param.tasks == ("one", "two")


def test_two_shared_parameters_of_one_name_are_told_apart_by_their_classes() -> None:
    class Noise(qd.Params):
        seed: int = 0

    other = qd.Study("two")

    @other.task
    def one(params: Seeded) -> dict[str, float]: ...

    @other.task
    def two(params: Seeded) -> dict[str, float]: ...

    @other.task
    def three(params: Noise) -> dict[str, float]: ...

    @other.task
    def four(params: Noise) -> dict[str, float]: ...

    assert [param.key for param in Names(other)] == ["Seeded.seed", "Noise.seed"]
    with pytest.raises(qd.BadInput, match=r"'seed' is ambiguous\n  write one of: Noise.seed, Seeded.seed"):
        plan(other, "seed=1")
    assert runs(plan(other, "Noise.seed=1,2")) == {"one": 1, "two": 1, "three": 2, "four": 2}


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("eps", "use.eps"),
        ("use.eps", "use.eps"),
        ("lr", "use.lr"),
        ("make.size", "make.size"),
        ("net", "make.net"),
        ("depth", "make.net.depth"),
        ("net.depth", "make.net.depth"),
        ("make.net.depth", "make.net.depth"),
        ("tree.any.where", "make.tree.any.where"),
        ("make.tree._target_", "make.tree._target_"),
    ],
)
def test_a_bare_name_or_a_suffix_is_enough_where_one_matches(name: str, full: str) -> None:
    assert names.find(name).full == full


def test_an_ambiguous_name_lists_the_full_names() -> None:
    with pytest.raises(qd.BadInput, match=r"'size' is ambiguous\n  write one of: make.size, use.size"):
        names.find("size")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("epss", "did you mean 'eps'?"),
        ("net.dept", "did you mean 'net.depth'?"),
        ("make.net.depht", "did you mean 'make.net.depth'?"),
        ("qqqqqqqq", "known: "),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(qd.BadInput) as refused:
        names.find(name)
    assert refused.value.message == f"unknown parameter '{name}'"
    assert (refused.value.hint or "").startswith(hint)


@pytest.mark.parametrize("override", ["make.seed=1", "use.seed=1,2"])
def test_a_shared_parameter_is_not_set_for_one_of_its_tasks(override: str) -> None:
    with pytest.raises(
        qd.BadInput, match=r"shared by the tasks make, use and cannot be set for one of them\n  write 'seed'"
    ):
        plan(study, override)


def test_a_shared_parameter_takes_one_value_in_both_tasks() -> None:
    made = plan(study, "seed=1,2", "eps=0.1,0.2")
    assert runs(made) == {"make": 2, "use": 4}  # 2 seeds × 2 eps, joined on the seed
    assert column(made, "use", "seed") == [1, 1, 2, 2]


def test_paths_into_a_free_tree_are_set_and_swept() -> None:
    made = plan(study, "tree._target_=a.B", "tree.width=1,2")
    assert params(made, "make")[1] == {
        "size": 1,
        "net.depth": 2,
        "net.act": "relu",
        "tree._target_": "a.B",
        "tree.width": 2,
        "seed": 0,
    }


def test_names_of_variants_are_the_fields_of_each() -> None:
    class One(qd.Params):
        kind: str = "one"
        both: int = 0
        left: int = 0

    class Two(qd.Params):
        kind: str = "two"
        both: int = 0
        right: int = 0

    other = qd.Study("variants")

    @other.task
    def task(part: One | Two) -> dict[str, float]: ...

    found = Names(other)
    assert {found.find(name).full for name in ("both", "left", "right")} == {
        "task.part.both",
        "task.part.left",
        "task.part.right",
    }


def test_display_is_the_shortest_name_that_is_unambiguous_among_some() -> None:
    assert names.display(["seed", "make.size", "use.eps"]) == {"seed": "seed", "make.size": "size", "use.eps": "eps"}
    assert names.display(["make.size", "use.size"]) == {"make.size": "make.size", "use.size": "use.size"}


class Chain(qd.Params):
    seed: int = 0
    draws: int = 1


class Target(qd.Params):
    seed: int = 0


class Sample(qd.Params):
    sampler: Chain = Chain()


def nested_seed() -> qd.Study:
    other = qd.Study("nested")

    @other.task
    def target(params: Target) -> dict[str, float]: ...

    @other.task
    def sample(params: Sample, target: qd.Done[Target, Any]) -> dict[str, float]: ...

    return other


def test_a_parameter_goes_before_fields_in_trees_that_bear_its_name() -> None:
    found = Names(nested_seed())
    assert found.find("seed").full == "target.seed"
    assert found.find("sampler.seed").full == "sample.sampler.seed"
    made = plan(nested_seed(), "seed=1,2", "sampler.seed=5")
    assert column(made, "target", "seed") == [1, 2]
    assert column(made, "sample", "sampler.seed") == [5, 5]
    assert runs(plan(nested_seed(), "seed=1,2", where=("seed=1",))) == {"target": 1, "sample": 1}


def test_two_parameters_of_one_bare_name_stay_ambiguous() -> None:
    other = nested_seed()

    @other.task
    def more(params: Use) -> dict[str, float]: ...

    with pytest.raises(qd.BadInput, match=r"write one of: more.seed, sample.sampler.seed, target.seed"):
        Names(other).find("seed")


def test_a_field_that_two_trees_have_stays_ambiguous() -> None:
    class Again(qd.Params):
        chain: Chain = Chain()

    other = nested_seed()

    @other.task
    def also(params: Again) -> dict[str, float]: ...

    assert "draws" not in Names(other).known()
    with pytest.raises(qd.BadInput, match="'draws' is ambiguous"):
        Names(other).find("draws")


@pytest.mark.parametrize("one", [names, Names(nested_seed())])
def test_every_known_name_stands_for_one_parameter_and_so_does_its_full_name(one: Names) -> None:
    for name in one.known():
        (found,) = one.lookup(name)
        assert one.lookup(found.full) == [found]
        assert f".{found.full}".endswith(f".{name}") or name.partition(".")[0] in found.param.tasks

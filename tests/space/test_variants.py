"""Variants (`sampler: HMC | SGLD`) and trees that are set in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from studying import params, plan, write_study

STUDY = """
import pydantic

study = qd.Study("s")

class HMC(qd.Params):
    name: Literal["hmc"] = "hmc"
    draws: int = 1000
    chains: int = 4

class SGLD(qd.Params):
    name: Literal["sgld"] = "sgld"
    step_size: float = 1e-6
    chains: int = 4

class Net(qd.Params):
    depth: int = 2
    act: str = "relu"

class Sampling(qd.Params):
    sampler: Annotated[HMC | SGLD, pydantic.Field(discriminator="name")] = HMC(draws=7)
    net: Net = Net(depth=9)
    tree: dict[str, Any] = {"_target_": "a.B", "width": 3}

@study.task
def sample(params: Sampling) -> dict: ...
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_study(tmp_path, STUDY)


def samplers(file: Path, *overrides: str, config: str | None = None) -> list[dict[str, Any]]:
    """The sampler of each point, without the name of the parameter."""
    if config is not None:
        write_study(file.parent, STUDY, config=config)
    found = params(plan(file, *overrides), "sample")
    return [{key[8:]: value for key, value in one.items() if key.startswith("sampler.")} for one in found]


HMC7 = {"name": "hmc", "draws": 7, "chains": 4}
SGLD = {"name": "sgld", "step_size": 1e-6, "chains": 4}


@pytest.mark.parametrize(
    "sweep",
    [
        "sweep:\n  sampler: [{name: hmc}, {name: sgld, step_size: 1e-7}]\n",
        "sweep:\n  - sampler: {name: hmc}\n  - sampler: {name: sgld, step_size: 1e-7}\n",
        "sweep:\n  - {sampler.name: hmc}\n  - {sampler.name: sgld, sampler.step_size: 1e-7}\n",
    ],
)
def test_a_sweep_over_variants(file: Path, sweep: str) -> None:
    assert samplers(file, config=sweep) == [HMC7, SGLD | {"step_size": 1e-7}]


def test_variants_as_whole_values_of_an_axis(file: Path) -> None:
    assert samplers(file, "sampler={name:hmc,draws:5},{name:sgld}") == [HMC7 | {"draws": 5}, SGLD]
    assert samplers(file, "sampler.name=hmc,sgld") == [HMC7, SGLD]


def test_a_field_is_set_inside_the_default(file: Path) -> None:
    assert samplers(file, "sampler.chains=8") == [HMC7 | {"chains": 8}]
    assert samplers(file, "draws=5,6") == [HMC7 | {"draws": 5}, HMC7 | {"draws": 6}]
    assert samplers(file, config="sampler: {chains: 2}") == [HMC7 | {"chains": 2}]
    assert samplers(file, config="sampler: {name: sgld}") == [SGLD]  # nothing of the HMC that was the default


def test_what_only_one_variant_has_is_set_where_that_one_is(file: Path) -> None:
    both = "sweep:\n  sampler: [{name: hmc}, {name: sgld}]\n"
    assert samplers(file, "sampler.draws=5", config=both) == [HMC7 | {"draws": 5}, SGLD]
    assert samplers(file, "draws=5,6", config=both) == [HMC7 | {"draws": 5}, HMC7 | {"draws": 6}, SGLD]
    assert samplers(file, "chains=1", config=both) == [HMC7 | {"chains": 1}, SGLD | {"chains": 1}]


def test_a_nested_default_keeps_what_is_not_set(file: Path) -> None:
    def net(*overrides: str) -> tuple[Any, Any]:
        (one,) = params(plan(file, *overrides), "sample")
        return one["net.depth"], one["net.act"]

    assert net() == (9, "relu")
    assert net("act=tanh") == net("net={act:tanh}") == (9, "tanh")
    assert net("net.depth=1", "act=tanh") == (1, "tanh")


def test_a_free_tree_keeps_what_is_not_set_unless_it_becomes_another_thing(file: Path) -> None:
    def tree(*overrides: str) -> dict[str, Any]:
        (one,) = params(plan(file, *overrides), "sample")
        return {key[5:]: value for key, value in one.items() if key.startswith("tree.")}

    assert tree("tree.width=5") == {"_target_": "a.B", "width": 5}
    assert tree("tree={depth:1}") == {"_target_": "a.B", "width": 3, "depth": 1}
    assert tree("tree={_target_:c.D}") == {"_target_": "c.D"}


def test_variants_without_a_tag_are_told_apart_by_their_fields() -> None:
    class Duration(qd.Params):
        stim: int = 20
        intro: int = 1

    class Contrast(Duration):
        contrast: float = 1.0

    study = qd.Study("s")
    default = Duration(intro=3)

    @study.task
    def test(loader: Duration | Contrast = default) -> dict[str, float]: ...

    assert params(plan(study, "loader.stim=5"), "test") == [{"loader.stim": 5, "loader.intro": 3}]
    assert params(plan(study, "loader={contrast:0.5}"), "test") == [
        {"loader.stim": 20, "loader.intro": 1, "loader.contrast": 0.5}
    ]
    with pytest.raises(qd.BadInput, match=r"'test.loader.contrast': should be a valid number, not 'x'"):
        plan(study, "contrast=x")


def test_a_variant_that_a_space_function_gives_as_an_object(file: Path) -> None:
    class A(qd.Params):
        x: int = 1

    class Whole(qd.Params):
        part: A = A()

    study = qd.Study("s")

    @study.space
    def space() -> dict[str, qd.Space]:
        return {"task": qd.points([{"part": A(x=2)}, {"part": {"x": 3}}])}

    @study.task
    def task(params: Whole) -> dict[str, float]: ...

    assert params(plan(study), "task") == [{"part.x": 2}, {"part.x": 3}]

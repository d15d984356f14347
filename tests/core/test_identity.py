"""The canonical encoding of values, and the ids that are made of it. The literals here are frozen for ever."""

# ruff: noqa: RUF012 - pydantic copies the defaults of fields

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quadrat as qd
from quadrat.core.identity import (
    encode,
    gather_id,
    hash_inputs,
    hash_value,
    inputs_digest,
    run_ids,
    run_prefix,
    seed_for,
)
from quadrat.core.params import validate
from studying import ids, plan


class Colour(enum.Enum):
    RED = "red"


PINNED: list[tuple[Any, str, str]] = [
    (None, "n;", "81f82811a1ccf128a929de0099985537"),
    (True, "b1;", "d8add37fc08d680e7322b205d8d1a420"),
    (1, "i1;", "0ea037d41ecc33ab3e4f1d362c009358"),
    (-7, "i-7;", "49ee35ed1dad0102bd499f509daeefb5"),
    (1.0, "f1.0;", "deded1ea7815ee4e6864a16928f54671"),
    (1e-6, "f1e-06;", "8e3a9ddab19ea796b7b8e66f6e0825b2"),
    (math.inf, "finf;", "5a3e196fb4056ed7aad0049f1c0f4c86"),
    ("1", "s1:1", "d3f88d0e8584dee7b2f10c3a8a3d9b60"),
    ("größe", "s7:größe", "5a641659ee083ed2fdd00b08fe7cb3b6"),
    ([1, "a"], "l2:i1;s1:a", "4732a4397a908c311562af2e1f88bdf4"),
    ({"b": 2, "a": 1}, "d2:s1:ai1;s1:bi2;", "1b83933d9ce1720edddfce9c6f4522e3"),
    ({3, 1, 2}, "u3:i1;i2;i3;", "d3491e55308965b4861226ac3ca65fe0"),
    (PurePosixPath("a/b"), "p3:a/b", "98a947fd4aae22476682faf9f06ff105"),
    (b"\x00", "y1:\x00", "72e40a5164464acab169519ee79763ef"),
]


@pytest.mark.parametrize(("value", "canonical", "hashed"), PINNED, ids=[one[1] for one in PINNED])
def test_encodings_are_pinned(value: Any, canonical: str, hashed: str) -> None:
    assert encode(value) == canonical.encode()
    assert hash_value(value).hex() == hashed


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal in value and type, all the way down; -0.0 is 0.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(trees, trees)
def test_values_share_an_encoding_exactly_when_they_are_the_same(one: Any, other: Any) -> None:
    assert (encode(one) == encode(other)) == same(one, other)


@given(st.dictionaries(st.text(max_size=5), trees, max_size=5), st.randoms())
def test_the_order_of_keys_does_not_matter(values: dict[str, Any], random: Any) -> None:
    keys = list(values)
    random.shuffle(keys)
    assert encode({key: values[key] for key in keys}) == encode(values)
    assert encode(OrderedDict((key, values[key]) for key in keys)) == encode(values)


@given(st.lists(trees, min_size=1, max_size=4), st.data())
def test_where_one_value_ends_and_the_next_begins_is_visible(values: list[Any], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(values)))
    nested = [values[:cut], values[cut:]]
    assert encode(nested) != encode(values)
    assert encode([str(nested)]) != encode(nested)


def test_numbers_texts_and_truths_that_look_alike_differ() -> None:
    alike = [1, 1.0, True, "1", "1.0", "True", [1], {"1": 1}, b"1", None, "None", ""]
    assert len({encode(one) for one in alike}) == len(alike)


def test_what_is_the_same_value_has_the_same_encoding() -> None:
    assert encode(-0.0) == encode(0.0)
    assert encode((1, 2)) == encode([1, 2])
    assert encode(Colour.RED) == encode("red")
    assert encode(np.float64(0.1)) == encode(0.1)
    assert encode({"deep": [-0.0]}) == encode({"deep": [0.0]})


@pytest.mark.parametrize("value", [math.nan, [1, math.nan], {"a": {"b": math.nan}}], ids=["bare", "list", "nested"])
def test_nan_is_refused(value: Any) -> None:
    with pytest.raises(qd.BadInput, match="NaN is not a parameter"):
        encode(value)


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(qd.BadInput, match="type object has no place in an id"):
        encode({"a": object()})


class Sgd(qd.Params):
    lr: float = 0.1
    momentum: float = 0.9


class Fit(qd.Params):
    seed: int = 0
    optimiser: Sgd = Sgd()
    model: dict[str, Any] = {}


def test_ids_of_params_are_pinned() -> None:
    assert hash_value(Fit()).hex() == "fc296364947cab2176457a1b087071ef"
    assert (
        hash_value(validate(Fit, {"seed": 3, "model": {"_target_": "a.B", "width": 2}})).hex()
        == "2461018a88585f3ce2b8a042ecc41cc3"
    )


def test_ids_of_runs_are_pinned() -> None:
    prefix = run_prefix("study", "task", 1) + hash_inputs(["data"])
    assert [one.hex() for one in run_ids(prefix, [[b"p" * 16, b"u" * 16]])] == ["d825bcff4017f4fa98324b1f80df25d3"]
    assert gather_id([b"b" * 16, b"a" * 16], {"seed": 1}).hex() == "cc7dee1f2d8759d7f91f12cbe52fe639"
    assert seed_for("init", 1) == 1671558254437954462
    assert inputs_digest([2, 1]) == 12861839572947215107


def test_a_group_does_not_see_the_order_of_its_members() -> None:
    assert gather_id([b"b" * 16, b"a" * 16], {}) == gather_id([b"a" * 16, b"b" * 16, b"a" * 16], {})


@given(st.text(max_size=10), st.integers())
def test_seeds_are_63_bits_and_depend_on_purpose_and_seed_alone(purpose: str, seed: int) -> None:
    assert 0 <= seed_for(purpose, seed) < 2**63
    assert seed_for(purpose, seed) == seed_for(purpose, seed)
    assert seed_for(purpose, seed) != seed_for(purpose, seed + 1)
    assert seed_for(purpose, seed) != seed_for(purpose + "x", seed)


def test_ids_of_a_tiny_study_are_pinned() -> None:
    study = qd.Study("tiny")

    @study.task
    def make(size: int = 2) -> dict[str, float]: ...

    @study.task
    def use(make: qd.Done[Any, Any], seed: int = 0) -> dict[str, float]: ...

    @study.task
    def mean(use: Annotated[qd.Many[Any, Any], qd.over("seed")]) -> dict[str, float]: ...

    assert ids(plan(study, "seed=1,2")) == {
        "make": ["2f90d784c1dea99cf3c96616a84c9310"],
        "use": ["d04e703725c2d03c878ba14e8faaa4f3", "cfcae1459bebacdba9c9cac0d46b238a"],
        "mean": ["3e47125cc080f4a7bf89ce2f77d48f25"],
    }


def test_ids_of_mnist_fgsm_are_pinned() -> None:
    from quadrat_studies.mnist_fgsm.study import study

    found = ids(plan(study))
    assert {task: (len(runs), runs[0]) for task, runs in found.items()} == {
        "data": (1, "1a8fb1f84e642683ca62f286e2560f73"),
        "train": (18, "d17fb8094da0b9ec11be3caf81139c32"),
        "attack": (18, "6135c47fce22e89fed221fd3d9397e63"),
        "seed_average": (6, "f761a9d9ca548b8931e1313110fa240a"),
        "summary": (1, "c90d92daec86fa457772396e34948793"),
    }


# ---- what of a class enters the id


def identity(model: type[qd.Params], **values: Any) -> str:
    return hash_value(validate(model, values)).hex()


def test_a_default_is_in_the_id_like_a_value_that_was_set() -> None:
    class Other(qd.Params):
        lr: float = 0.2
        momentum: float = 0.9

    assert identity(Sgd) == identity(Sgd, lr=0.1)
    assert identity(Sgd) != identity(Other)
    assert identity(Sgd, lr=0.2) == identity(Other)


def test_a_parameter_off_the_id_leaves_it_alone() -> None:
    class Loader(qd.Params):
        lr: float = 0.1
        momentum: float = 0.9
        workers: Annotated[int, qd.off_id()] = 4

    assert identity(Loader, workers=1) == identity(Loader, workers=8) == identity(Sgd)


def test_a_field_that_was_added_later_is_neutral_at_its_value_only() -> None:
    class Later(qd.Params):
        lr: float = 0.1
        momentum: float = 0.9
        clip: Annotated[float | None, qd.neutral(None)] = None

    assert identity(Later) == identity(Sgd)
    assert identity(Later, clip=1.0) != identity(Sgd)

    class Moved(qd.Params):
        lr: float = 0.1
        momentum: float = 0.9
        clip: Annotated[float | None, qd.neutral(None)] = 1.0  # another default by now: the neutral value stays

    assert identity(Moved) == identity(Later, clip=1.0)
    assert identity(Moved, clip=None) == identity(Sgd)


def test_a_renamed_field_keeps_its_ids() -> None:
    class Renamed(qd.Params):
        learning_rate: Annotated[float, qd.was("lr")] = 0.1
        momentum: float = 0.9

    assert identity(Renamed, learning_rate=0.3) == identity(Sgd, lr=0.3)


def test_marks_hold_inside_nested_params() -> None:
    class Quiet(Sgd):
        verbose: Annotated[bool, qd.off_id()] = False

    class Nested(qd.Params):
        seed: int = 0
        optimiser: Quiet = Quiet()
        model: dict[str, Any] = {}

    assert identity(Nested, optimiser={"verbose": True}) == identity(Fit)


def test_a_file_is_known_by_its_content(hostile_path: Path) -> None:
    class Input(qd.Params):
        file: qd.File

    one, other = hostile_path / "a b.txt", hostile_path / "c"
    one.write_text("x")
    other.write_text("x")
    first = identity(Input, file=str(one))
    assert first == identity(Input, file=other)
    other.write_text("yy")
    assert first != identity(Input, file=other)
    with pytest.raises(qd.BadInput, match="there is no file"):
        identity(Input, file=hostile_path / "none")


def test_a_folder_is_known_by_its_names_and_contents(tmp_path: Path) -> None:
    class Input(qd.Params):
        file: qd.File

    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "one.txt").write_text("1")
    assert identity(Input, file=tmp_path / "a") == identity(Input, file=tmp_path / "b")
    (tmp_path / "b" / "deep" / "one.txt").rename(tmp_path / "b" / "two.txt")
    assert identity(Input, file=tmp_path / "a") != identity(Input, file=tmp_path / "b")

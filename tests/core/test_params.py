"""Params: what fits a field, strictly; and what is said of what does not."""

# ruff: noqa: RUF012 - pydantic copies the defaults of fields

from __future__ import annotations

import math
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quadrat as qd
from quadrat.core.params import Invalid, validate


class X2(qd.Params):
    rctype: str = "full"
    tsteps: int = 20


class X8(X2):
    rctarget: str = "output"


class HMC(qd.Params):
    name: Literal["hmc"] = "hmc"
    draws: int = 1000


class SGLD(qd.Params):
    name: Literal["sgld"] = "sgld"
    step_size: float = 1e-6


class Mode(Enum):
    FAST = "fast"


class All(qd.Params):
    whole: int = 1
    real: float = 1.0
    flag: bool = False
    text: str = ""
    pair: tuple[int, str] = (1, "a")
    many: tuple[int, ...] = ()
    reals: list[float] = []
    choice: Literal["a", "b"] = "a"
    maybe: int | None = None
    either: int | str = 1
    variant: X2 | X8 = X2()
    sampler: Annotated[HMC | SGLD, pydantic.Field(discriminator="name")] = HMC()
    tree: dict[str, Any] = {}
    positive: Annotated[float, pydantic.Field(gt=0)] = 1.0
    path: Path = Path("a")
    mode: Mode = Mode.FAST


FITS: list[tuple[str, Any, Any]] = [
    ("whole", 1.0, 1),
    ("whole", -3, -3),
    ("whole", 1e15, 10**15),
    ("real", 1, 1.0),
    ("real", math.inf, math.inf),
    ("real", -0.0, 0.0),
    ("flag", True, True),
    ("pair", [2, "b"], (2, "b")),
    ("pair", (2.0, "b"), (2, "b")),
    ("many", [1, 2.0], (1, 2)),
    ("reals", (1, 2.5), [1.0, 2.5]),
    ("maybe", None, None),
    ("maybe", 2.0, 2),
    ("either", "1", "1"),
    ("variant", {"tsteps": 3.0}, X2(tsteps=3)),
    ("variant", {"rctarget": "middle"}, X8(rctarget="middle")),
    ("variant", X8(), X8()),
    ("sampler", {"name": "sgld", "step_size": 1}, SGLD(step_size=1.0)),
    ("tree", {"a": {"b": (1, "x", None)}}, {"a": {"b": [1, "x", None]}}),
    ("path", "b/c", Path("b/c")),
    ("mode", "fast", Mode.FAST),
]


@pytest.mark.parametrize(("field", "given_value", "expected"), FITS)
def test_what_fits(field: str, given_value: Any, expected: Any) -> None:
    value = getattr(validate(All, {field: given_value}), field)
    assert value == expected
    assert type(value) is type(expected)
    assert math.copysign(1, value) > 0 if value == 0.0 else True


REFUSED: list[tuple[str, Any, str, str]] = [
    ("whole", True, "whole", "should be a valid integer, not True (bool)"),
    ("whole", "1", "whole", "should be a valid integer, not '1' (str)"),
    ("whole", "0001", "whole", "should be a valid integer, not '0001' (str)"),
    ("whole", 1.5, "whole", "should be a valid integer, not 1.5 (float)"),
    ("whole", None, "whole", "should be a valid integer, not None (NoneType)"),
    ("real", "1.0", "real", "should be a valid number, not '1.0' (str)"),
    ("real", True, "real", "should be a valid number, not True (bool)"),
    ("real", math.nan, "real", "NaN is not a parameter"),
    ("flag", 1, "flag", "should be a valid boolean, not 1 (int)"),
    ("text", 1, "text", "should be a valid string, not 1 (int)"),
    ("many", [1, "x"], "many.1", "should be a valid integer, not 'x' (str)"),
    ("many", 3, "many", "should be a valid list, not 3 (int)"),
    ("choice", "c", "choice", "should be 'a' or 'b', not 'c' (str)"),
    ("maybe", "x", "maybe", "should be a valid integer, not 'x' (str)"),
    ("either", [1], "either", "should be a valid integer or a valid string, not [1] (list)"),
    ("positive", -1, "positive", "should be greater than 0, not -1 (int)"),
    ("variant", 3, "variant", "should be a mapping, not 3 (int)"),
    ("variant", {"tstep": 3}, "variant.tstep", "there is no such field"),
    ("variant", {"rctarget": 5}, "variant.rctarget", "should be a valid string, not 5 (int)"),
    ("variant", {"rctarget": "a", "tsteps": "x"}, "variant.tsteps", "should be a valid integer, not 'x' (str)"),
    ("sampler", {"draws": 3}, "sampler", "does not say which it is: 'name' is missing"),
    ("sampler", {"name": "hcm"}, "sampler.name", "should be 'hmc' or 'sgld', not 'hcm' (str)"),
    ("sampler", {"name": "sgld", "draws": 3}, "sampler.draws", "there is no such field"),
    ("sampler", {"name": "hmc", "draws": "x"}, "sampler.draws", "should be a valid integer, not 'x' (str)"),
    ("tree", {"a": {"b": object}}, "tree.a.b", "a value of type type cannot be a parameter"),
    ("tree", {"a": [1, math.nan]}, "tree.a.1", "NaN is not a parameter"),
    ("mode", "slow", "mode", "should be 'fast', not 'slow' (str)"),
    ("nope", 1, "nope", "there is no such field"),
]


@pytest.mark.parametrize(("field", "value", "path", "message"), REFUSED)
def test_what_does_not_fit_is_told_with_its_place_and_what_was_expected(
    field: str, value: Any, path: str, message: str
) -> None:
    with pytest.raises(Invalid) as refused:
        validate(All, {field: value})
    assert [(".".join(one.path), one.message) for one in refused.value.problems] == [(path, message)]


def test_every_problem_is_told() -> None:
    with pytest.raises(Invalid) as refused:
        validate(All, {"whole": "x", "flag": 3, "nope": 1})
    assert len(refused.value.problems) == 3


def test_a_field_without_default_is_required() -> None:
    class Needs(qd.Params):
        lr: float

    with pytest.raises(Invalid, match="lr: field required"):
        validate(Needs, {})


@given(st.integers(-(2**53), 2**53))
def test_whole_floats_are_ints_where_ints_are_wanted(number: int) -> None:
    assert validate(All, {"whole": float(number)}) == validate(All, {"whole": number})
    assert validate(All, {"real": float(number)}) == validate(All, {"real": number})


@given(st.floats(allow_nan=False))
def test_floats_are_not_changed(number: float) -> None:
    assert validate(All, {"real": number}).real == number


def test_params_are_frozen_and_closed() -> None:
    with pytest.raises(pydantic.ValidationError):
        All().whole = 2  # type: ignore[misc]
    with pytest.raises(pydantic.ValidationError):
        All(nope=1)  # type: ignore[call-arg]


def test_defaults_are_made_what_their_type_says() -> None:
    class Loose(qd.Params):
        whole: int = 1.0  # type: ignore[assignment]
        real: float = 1
        path: Path = Path("conf")
        inner: SGLD = {"step_size": 2}  # type: ignore[assignment]

    made = validate(Loose, {})
    assert (made.whole, type(made.whole)) == (1, int)
    assert (made.real, type(made.real)) == (1.0, float)
    assert made.path == Path("conf")
    assert made.inner == SGLD(step_size=2.0)


def test_a_default_that_does_not_fit_is_told_where_it_is_declared() -> None:
    with pytest.raises(qd.BadInput, match=r"default of 'Wrong.lr' should be a valid number, not 'fast' \(str\)"):

        class Wrong(qd.Params):
            lr: float = "fast"  # type: ignore[assignment]


def test_a_docstring_below_a_field_is_its_label() -> None:
    class Labelled(qd.Params):
        lr: float = 0.1
        """learning rate"""

    assert Labelled.model_fields["lr"].description == "learning rate"

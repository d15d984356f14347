"""Values as cells and columns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from quadrat import Params
from quadrat.results.columns import cell, free, leaves, series, spread


class Inner(Params):
    name: str = "hmc"
    steps: tuple[int, ...] = (1, 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (True, True),
        (1e-6, 1e-6),
        ("a", "a"),
        (None, None),
        ([1, "ü"], '[1,"ü"]'),
        ((1.5,), "[1.5]"),
        (Path("a/b"), "a/b"),
    ],
)
def test_cells(value: Any, expected: Any) -> None:
    assert cell(value) == expected
    assert type(cell(value)) is type(expected)


def test_trees_become_leaves() -> None:
    assert leaves({"a": Inner(), "b": {"c": None}, "d": {}}, "m") == {
        "m.a.name": "hmc", "m.a.steps": "[1,2]", "m.b.c": None, "m.d": "{}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None], pl.Int64, [1, None]),
        ([1, 2.5], pl.Float64, [1.0, 2.5]),
        ([True, None], pl.Boolean, [True, None]),
        ([True, 1], pl.String, ["true", "1"]),
        (["a", 1.5], pl.String, ["a", "1.5"]),
        ([None], pl.Null, [None]),
        ([2**63], pl.Int128, [2**63]),
    ],
)
def test_columns_of_mixed_kinds(values: list[Any], kind: Any, expected: list[Any]) -> None:
    found = series("x", values)
    assert found.dtype == kind
    assert found.to_list() == expected


def test_nan_is_not_null() -> None:
    found = series("x", [math.nan, None])
    assert found.null_count() == 1
    assert found.is_nan()[0]


def test_spread_gives_each_row_its_value() -> None:
    columns = spread("m", [Inner(), {"other": 1}, 5], np.array([2, -1, 0, 1, 0]))
    assert {one.name: one.to_list() for one in columns} == {
        "m.name": [None, None, "hmc", None, "hmc"],
        "m.steps": [None, None, "[1,2]", None, "[1,2]"],
        "m.other": [None, None, None, 1, None],
        "m": [5, None, None, None, None],
    }
    assert [one.to_list() for one in spread("x", [], np.array([-1, -1]))] == [[None, None]]


def test_free_names() -> None:
    assert free("n", ["a"]) == "n"
    assert free("n", ["n", "n_"]) == "n__"

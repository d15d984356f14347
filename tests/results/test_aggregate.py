"""Means over axes against numpy and SciPy, group by group."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from quadrat.results.aggregate import over
from quadrat.results.table import Unit

VALUES = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "lr": st.sampled_from([0.1, 0.2, None]),
            "kind": st.sampled_from(["a", "b"]),
            "seed": st.integers(0, 5),
            "acc": VALUES | st.none() | st.just(math.nan),
            "right": st.booleans(),
        }
    ),
    min_size=1,
    max_size=40,
)
SCHEMA = {
    "run": pl.String,
    "lr": pl.Float64,
    "kind": pl.String,
    "seed": pl.Int64,
    "acc": pl.Float64,
    "right": pl.Boolean,
}


def frame_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([{"run": f"{place:032x}", **row} for place, row in enumerate(rows)], schema=SCHEMA)


@given(ROWS)
def test_every_group_is_as_numpy_and_scipy_have_it(rows: list[dict[str, Any]]) -> None:
    found = over(frame_of(rows), ["seed"], ["acc", "right"])
    assert len(found) == len({(row["lr"], row["kind"]) for row in rows})
    for group in found.iter_rows(named=True):
        members = [row for row in rows if (row["lr"], row["kind"]) == (group["lr"], group["kind"])]
        assert group["n"] == len(members)
        values = np.array([row["acc"] for row in members if row["acc"] is not None], float)
        assert group.get("acc_n", group["n"]) == len(values)
        check(group, "acc", values)
        check(group, "right", np.array([row["right"] for row in members], float))


def check(group: dict[str, Any], metric: str, values: np.ndarray) -> None:
    mean, std, half = (group[f"{metric}_{suffix}"] for suffix in ("avg", "std", "ci95"))
    if not len(values):
        assert (mean, std, half) == (None, None, None)
        return
    scale = max(1.0, float(np.abs(np.nan_to_num(values)).max()))
    assert np.isclose(mean, values.mean(), rtol=1e-12, atol=1e-12 * scale, equal_nan=True)
    if len(values) == 1:
        assert (std, half) == (None, None)
        return
    assert np.isclose(std, values.std(ddof=1), rtol=1e-9, atol=1e-12 * scale, equal_nan=True)
    expected = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    assert np.isclose(half, expected, rtol=1e-9, atol=1e-11 * scale, equal_nan=True)


@given(ROWS)
def test_columns_do_not_depend_on_the_order_of_rows(rows: list[dict[str, Any]]) -> None:
    keys = ["lr", "kind"]
    one = over(frame_of(rows), ["seed"], ["acc", "right"]).sort(keys)
    other = over(frame_of(rows).reverse(), ["seed"], ["acc", "right"]).sort(keys)
    assert one.columns == other.columns
    assert one.select(keys).equals(other.select(keys))
    assert np.allclose(one["right_avg"], other["right_avg"])


def test_a_run_under_two_labels_counts_once() -> None:
    frame = pl.DataFrame({"run": ["a", "a", "b"], "label": ["x", "y", "x"], "acc": [1.0, 1.0, 3.0]})
    assert over(frame, ["label"], ["acc"]).to_dicts()[0] | {"acc_ci95": 0} == {
        "acc_avg": 2.0,
        "acc_std": math.sqrt(2),
        "acc_ci95": 0,
        "n": 2,
    }


def test_an_upstream_run_counts_once() -> None:
    """Six attacks on three trainings: the training's accuracy has three values, not six."""
    frame = pl.DataFrame(
        {
            "run": list("abcdef"),
            "seed": [1, 1, 2, 2, 3, 3],
            "epsilon": [0.1, 0.2] * 3,
            "acc": [1.0, 1.0, 2.0, 2.0, 3.0, 3.0],
            "attacked": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            "size": [7] * 6,
            "@train": [0, 0, 1, 1, 2, 2],
            "@data": [0] * 6,
        }
    )
    units = {"acc": Unit("@train", frozenset({"seed"})), "size": Unit("@data", frozenset())}
    found = over(frame, ["seed", "epsilon"], ["size", "acc", "attacked"], units).to_dicts()[0]
    assert (found["acc_avg"], found["acc_std"], found["acc_n"]) == (2.0, 1.0, 3)
    assert (found["attacked_avg"], found["n"]) == (2.5, 6)
    assert found["size"] == 7, "what does not depend on the seed is carried along"
    by_seed = over(frame, ["epsilon"], ["size", "acc", "attacked"], units)
    assert by_seed["acc"].to_list() == [1.0, 2.0, 3.0]


def test_names_that_are_taken_get_underscores() -> None:
    frame = pl.DataFrame({"run": ["a", "b"], "n": [1, 1], "acc_avg": ["x", "x"], "seed": [1, 2], "acc": [1.0, 2.0]})
    assert over(frame, ["seed"], ["acc"]).columns == ["n", "acc_avg", "acc_avg_", "acc_std", "acc_ci95", "n_"]


def test_no_rows_give_no_groups() -> None:
    empty = frame_of([{"lr": 0.1, "kind": "a", "seed": 1, "acc": 1.0, "right": True}]).clear()
    assert len(over(empty, ["seed"], ["acc"])) == 0
    assert len(over(empty, ["seed", "lr", "kind"], ["acc"])) == 0


def test_texts_are_left_out() -> None:
    frame = pl.DataFrame({"run": ["a"], "seed": [1], "note": ["x"]})
    assert over(frame, ["seed"], ["note"]).columns == ["n"]


@given(ROWS)
def test_what_does_not_count_is_as_if_it_were_not_there_but_for_its_group(rows: list[dict[str, Any]]) -> None:
    found = over(frame_of(rows), ["seed"], ["acc", "right"], marks=["right"])
    plain = over(frame_of([row for row in rows if row["right"]]), ["seed"], ["acc"])
    assert ("n_left_out" in found.columns) == any(not row["right"] for row in rows)
    assert "right_avg" not in found.columns
    whole = over(frame_of(rows), ["seed"], ["acc", "right"])
    assert found.select("lr", "kind").equals(whole.select("lr", "kind"))
    members = {(group["lr"], group["kind"]): group for group in plain.iter_rows(named=True)}
    for group, all_of_it in zip(found.iter_rows(named=True), whole.iter_rows(named=True), strict=True):
        counted = members.get((group["lr"], group["kind"]), {"n": 0})
        assert group["n"] == counted["n"]
        assert group["n"] + group.get("n_left_out", 0) == all_of_it["n"]
        for name in ("acc_avg", "acc_std", "acc_ci95"):
            expected = counted.get(name)
            assert group[name] is None if expected is None else np.isclose(group[name], expected, equal_nan=True)


def test_groups_without_keys_keep_their_row_where_nothing_counts() -> None:
    frame = pl.DataFrame({"run": ["a", "b"], "seed": [1, 2], "acc": [0.5, 0.7], "good": [False, False]})
    found = over(frame, ["seed"], ["acc", "good"], marks=["good"])
    assert found.to_dicts() == [{"acc_avg": None, "acc_std": None, "acc_ci95": None, "n": 0, "n_left_out": 2}]
    assert len(over(frame.clear(), ["seed"], ["acc", "good"], marks=["good"])) == 0


def test_a_mark_of_an_upstream_that_is_not_there_says_nothing() -> None:
    frame = pl.DataFrame(
        {"run": ["a", "b", "c"], "seed": [1, 2, 3], "acc": [1.0, 2.0, 9.0], "good": [True, None, False]}
    )
    assert over(frame, ["seed"], ["acc", "good"], marks=["good"])["acc_avg"].to_list() == [1.5]


def test_what_changes_no_result_sets_no_rows_apart() -> None:
    """It is carried along where every group agrees in it."""
    rows = [
        {"lr": 0.1 * (place // 2), "kind": f"k{place}", "seed": place % 2, "acc": float(place)} for place in range(4)
    ]
    found = over(frame_of(rows), ["seed"], ["acc", "right"], loose=["kind"])
    assert found.columns[0] == "lr"
    assert "kind" not in found.columns
    assert found["n"].to_list() == [2, 2]
    same = over(
        frame_of([{**row, "kind": f"k{row['lr']}"} for row in rows]), ["seed"], ["acc", "right"], loose=["kind"]
    )
    assert same["kind"].to_list() == ["k0.0", "k0.1"]

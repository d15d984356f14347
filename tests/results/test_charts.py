"""Charts for pages: the numbers of the curves, in a form that JSON can hold."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from quadrat import BadInput
from quadrat.results.curves import Curves, curves
from quadrat.results.figures.charting import chart
from quadrat.results.table import Table


def drawn(rows: Sequence[dict[str, Any]], hue: str | None = None, **more: Any) -> Curves:
    """The curves of `acc` against `x`."""
    frame = pl.DataFrame([{"run": f"{place:032x}", **row} for place, row in enumerate(rows)], infer_schema_length=None)
    params = tuple(name for name in frame.columns if name not in ("run", "acc", *more.get("marks", ())))
    return curves(
        Table("st", "train", frame, params=params, metrics=("acc", *more.get("marks", ())), **more), "x", "acc", hue
    )


def grid(xs: Sequence[Any], hues: Sequence[Any] = ("a",), seeds: int = 3) -> list[dict[str, Any]]:
    return [
        {"x": x, "hue": hue, "seed": seed, "acc": place + 0.1 * seed + 0.01 * len(str(hue))}
        for place, x in enumerate(xs)
        for hue in hues
        for seed in range(seeds)
    ]


def test_values_are_those_of_the_curves() -> None:
    found = drawn(grid([0.2, 0.1, 0.3], ["a", "long"]), "hue")
    told = json.loads(json.dumps(chart(found).told(), allow_nan=False))
    assert (told["label"], told["legend"]) == ("acc against x", "hue")
    assert (told["x"]["values"], told["x"]["texts"], told["x"]["log"]) == ([0.1, 0.2, 0.3], None, False)
    assert [series["name"] for series in told["series"]] == ["a", "long"]
    for series in told["series"]:
        rows = found.points.filter(pl.col("hue") == series["name"]).sort("x")
        assert series["values"] == rows["mean"].to_list()
        assert series["low"] == (rows["mean"] - rows["ci95"]).to_list()
        assert series["high"] == (rows["mean"] + rows["ci95"]).to_list()
        assert series["absent"] == []
    assert told["note"].startswith("mean over seed")


def test_what_is_no_number_is_null_and_single_runs_have_no_interval() -> None:
    rows = [{"x": 1, "acc": math.inf}, {"x": 2, "acc": math.nan}, {"x": 3, "acc": 0.5}]
    (series,) = chart(drawn(rows)).told()["series"]
    assert (series["name"], series["values"], series["low"]) == ("", (None, None, 0.5), None)


def test_single_runs_are_dots_and_those_that_do_not_count_are_told() -> None:
    rows = [{**row, "valid": row["seed"] != 2} for row in grid([0.5, 1.0], ["a", "b"])]
    found = drawn(rows, "hue", marks=("valid",))
    first, second = chart(found).series
    assert [(at, round(value, 6), counts) for at, value, counts in first.dots] == [
        (0, 0.01, True), (0, 0.11, True), (1, 1.01, True), (1, 1.11, True), (0, 0.21, False), (1, 1.21, False),
    ]  # fmt: skip
    assert len(second.dots) == 6
    assert chart(found).note.endswith("; small dots: single runs; hollow dots: runs that do not count")


def test_a_series_that_lacks_an_x_says_so() -> None:
    rows = [row for row in grid([0, 1, 2], ["a", "b"]) if (row["x"], row["hue"]) != (1, "b")]
    first, second = chart(drawn(rows, "hue")).series
    assert (first.absent, second.absent) == ((), (1,))
    assert second.values[1] is None


@pytest.mark.parametrize(("xs", "texts"), [([True, False], ("false", "true")), (["b", None, "a"], ("a", "b", "–"))])
def test_words_lie_at_whole_places(xs: list[Any], texts: tuple[str, ...]) -> None:
    made = chart(drawn(grid(xs)))
    assert made.x.values == tuple(range(len(xs)))
    assert made.x.texts == texts


def test_wide_ranges_are_logarithmic() -> None:
    assert chart(drawn(grid([1e-4, 1e-2, 1.0]))).x.log


def test_long_series_are_thinned_and_too_many_refused() -> None:
    made = chart(drawn(grid(range(1001), seeds=1)), most=11)
    assert made.x.values == tuple(range(0, 1001, 100))
    assert made.series[0].values[-1] == pytest.approx(1000.01)
    with pytest.raises(BadInput, match="20 series"):
        chart(drawn(grid([1, 2], range(20)), "hue"))

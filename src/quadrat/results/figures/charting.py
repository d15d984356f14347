"""What a page in a browser draws of a metric against a parameter, as plain values: `web/charts.js` reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from quadrat.core.errors import BadInput
from quadrat.results.curves import Curves
from quadrat.results.figures import lines, style
from quadrat.results.human import exact

Numbers = tuple[float | None, ...]
Dots = tuple[tuple[int, float, bool], ...]
_MOST_DOTS = 2000


@dataclass(frozen=True)
class Across:
    """The x axis: the column, what to write at it, where points lie, and the texts there if they are no numbers."""

    name: str
    label: str
    values: tuple[float, ...]
    texts: tuple[str, ...] | None
    log: bool


@dataclass(frozen=True)
class Upright:
    """The y axis: the column, and what to write at it."""

    name: str
    label: str
    log: bool


@dataclass(frozen=True)
class Series:
    """A series: at each x a value and the ends of its interval; None where there is none.

    Attributes:
        name: what sets it apart; empty where it is the only one.
        values, low, high: numbers by x; intervals are None as a whole where no point has one.
        absent: the places of x at which the series has no row at all, as other series have: a line goes on over them.
        dots: single runs where there are not too many: the place of x, the value, and whether the run counts.
    """

    name: str
    values: Numbers
    low: Numbers | None
    high: Numbers | None
    absent: tuple[int, ...]
    dots: Dots = ()


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        label: what it shows, in words.
        x, y: its axes.
        series: in the order of their looks.
        legend: what the names of series are values of; empty where there is one series.
        note: what marks and bands are, and how many runs are behind them.
    """

    label: str
    x: Across
    y: Upright
    series: tuple[Series, ...]
    legend: str = ""
    note: str = ""

    def told(self) -> dict[str, Any]:
        """The chart for JSON: finite numbers, texts, true and false, null."""
        return asdict(self)


def chart(drawn: Curves, label: str = "", *, log_y: bool = False, most: int | None = None) -> Chart:
    """The chart of what a figure shows.

    Args:
        drawn: means and intervals.
        label: what it shows, in words; made of the columns' names where it is not said.
        log_y: whether the y axis is logarithmic; only numbers above zero are seen then.
        most: so many points a series has at most, spread evenly.

    Raises:
        BadInput: for more series than can be told apart.
    """
    points = drawn.points
    axis = lines.XAxis(points["x"])
    hues = points["hue"].unique(maintain_order=True).sort(nulls_last=True).to_list()
    if len(hues) > style.MOST:
        raise BadInput(f"'{drawn.hue}' gives {len(hues)} series", hint="select fewer with --where")
    rows: dict[Any, dict[float, tuple[float | None, float | None]]] = {hue: {} for hue in hues}
    places = axis.at(points["x"].to_list())
    for place, hue, mean, half in zip(places, *(points[name] for name in ("hue", "mean", "ci95")), strict=True):
        rows[hue][place] = mean, half
    values = _thinned(sorted(set(places)), most)
    dots = {} if axis.many else _dots(drawn, axis, {place: at for at, place in enumerate(values)})
    return Chart(
        label or f"{drawn.y} against {drawn.x}",
        Across(
            drawn.x, _line(drawn.labels[drawn.x]), tuple(values),
            tuple(exact(one) for one in axis.categories) if axis.categories else None, axis.logarithmic,
        ),
        Upright(drawn.y, _line(drawn.labels[drawn.y]), log_y),
        tuple(
            replace(_series(exact(hue) if drawn.hue else "", row, values), dots=tuple(dots.get(hue, ())))
            for hue, row in rows.items()
        ),
        _line(drawn.labels[drawn.hue]) if drawn.hue else "",
        _note(drawn, dots, words=bool(axis.categories)),
    )  # fmt: skip


def _dots(drawn: Curves, axis: lines.XAxis, at: dict[float, int]) -> dict[Any, list[tuple[int, float, bool]]]:
    """Single runs by series: those behind means, and those that do not count; none where they are very many."""
    counting = drawn.single if drawn.points["n"].max() != 1 else drawn.single.clear()
    found: dict[Any, list[tuple[int, float, bool]]] = {}
    if len(counting) + len(drawn.left_out) > _MOST_DOTS:
        return found
    for frame, counts in ((counting, True), (drawn.left_out, False)):
        for place, hue, value in zip(axis.at(frame["x"].to_list()), frame["hue"], frame["y"], strict=True):
            if math.isfinite(value) and place in at:
                found.setdefault(hue, []).append((at[place], value, counts))
    return found


def _note(drawn: Curves, dots: dict[Any, list[tuple[int, float, bool]]], *, words: bool) -> str:
    """What the marks are."""
    note = lines.caption([drawn], beside=False, bands=True).splitlines()[0]
    kinds = {counts for row in dots.values() for _, _, counts in row}
    small = "; small dots: single runs" if True in kinds else ""
    hollow = "; hollow dots: runs that do not count" if False in kinds else ""
    return (note.replace("band:", "bar:") if words else note) + small + hollow


def _series(name: str, row: dict[float, tuple[float | None, float | None]], values: Sequence[float]) -> Series:
    found = [row.get(place, (None, None)) for place in values]
    low = _numbers(None if mean is None or half is None else mean - half for mean, half in found)
    high = _numbers(None if mean is None or half is None else mean + half for mean, half in found)
    bare = all(one is None for one in low)
    absent = tuple(at for at, place in enumerate(values) if place not in row)
    return Series(name, _numbers(mean for mean, _ in found), None if bare else low, None if bare else high, absent)


def _numbers(values: Iterable[float | None]) -> Numbers:
    """What JSON has numbers for."""
    return tuple(value if value is not None and math.isfinite(value) else None for value in values)


def _thinned(places: list[float], most: int | None) -> list[float]:
    """At most so many of the places: the first, the last, and evenly between."""
    if most is None or len(places) <= most:
        return places
    return [places[round(at * (len(places) - 1) / (most - 1))] for at in range(most)]


def _line(label: str) -> str:
    return label.replace("\n", " ")

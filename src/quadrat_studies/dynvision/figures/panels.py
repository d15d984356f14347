"""What several figures are made of: lines over time, ridges, a measure against the parameter. Each draws into axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from . import style
from .experiment import Experiment
from .words import About

Intervals = Sequence[tuple[float, float]]
TIME = "time (ms)"
_HIGH = 0.86  # of the distance between two ridges: the height of the highest
_LONG = 22  # characters of the name of an axis that take two lines
_PALE = 0.18  # opacity of bands


def category_lines(tests: Experiment, *, with_markers: bool = True) -> list[Line2D]:
    """The legend's entries of the values of the category; none where there is one value only."""
    look = style.series if with_markers else style.line
    if len(tests.categories) < 2:
        return []
    return [Line2D([], [], label=tests.category_text(one), **look(n)) for n, one in enumerate(tests.categories)]


def shade(axes: Axes, intervals: Intervals) -> None:
    """Mark when the stimulus is there."""
    for begin, end in intervals:
        axes.axvspan(begin, end, color=style.STIMULUS, linewidth=0, zorder=0)


def is_same(spans: Sequence[Intervals]) -> bool:
    """Whether the stimulus is there at the same time for all values of the parameter."""
    return all(one == spans[0] for one in spans)


def mark_stimulus(axes: Axes, spans: Sequence[Intervals], colours: Sequence[Any]) -> None:
    """Shade the time of the stimulus; where values of the parameter differ in it, above the data a bar for each."""
    if is_same(spans):
        shade(axes, spans[0])
        return
    top = axes.get_ylim()[1]
    step = 0.035 * top
    for place, (intervals, colour) in enumerate(zip(spans, colours, strict=True)):
        for begin, end in intervals:
            axes.plot([begin, end], [top + place * step] * 2, color=colour, linewidth=1.8, solid_capstyle="butt")
    axes.set_ylim(top=top + len(colours) * step)


def curve(
    axes: Axes, course: pl.DataFrame, look: Mapping[str, Any], x: str = "time", *, with_band: bool = True
) -> None:
    """A line of means with its band (means with `x`, mean, low, high); a bar in place of the band of a single point."""
    course = course.drop_nulls("mean").sort(x)
    at, mean, low, high = (course[name].to_numpy() for name in (x, "mean", "low", "high"))
    if not len(at):
        return
    if len(at) == 1:
        half = (high - low) / 2
        error = {} if np.isnan(half).any() else {"yerr": half}
        point: dict[str, Any] = {"linestyle": "none", "marker": "o", "capsize": 2.5, "elinewidth": 0.9}
        axes.errorbar(at, mean, **point | {name: one for name, one in look.items() if name != "linestyle"}, **error)
        return
    if with_band:
        axes.fill_between(at, low, high, color=look["color"], alpha=_PALE, linewidth=0, zorder=1.5)
    axes.plot(at, mean, **{"zorder": 2.0, **look})


def over_time(axes: Axes, tests: Experiment, course: pl.DataFrame, value: Any) -> None:
    """A line for each category at one value of the parameter."""
    for number, category in enumerate(tests.categories):
        curve(axes, _at(course, category_value=category, parameter_value=value), style.line(number))


def against(axes: Axes, tests: Experiment, means: pl.DataFrame, label: str, *, dashed: bool = False) -> None:
    """A measure against the parameter, a line for each category (rows of `Experiment.means`)."""
    for number, category in enumerate(tests.categories):
        look = style.series(number)
        if dashed:
            look |= {"linestyle": style.DASHED, "markerfacecolor": "white", "markeredgewidth": 0.9, "zorder": 1.8}
        own = _at(means, category_value=category)
        if len(tests.values) == 1:  # beside each other
            shift = 0.08 * (number - (len(tests.categories) - 1) / 2)
            own = own.with_columns(pl.col("place") + shift * pl.col("place").abs().clip(1))
        curve(axes, own, look, x="place", with_band=not dashed)
    parameter_axis(axes, tests)
    axes.set_ylabel(label if len(label) < _LONG else label.replace(" (", "\n("))
    style.few_ticks(axes.yaxis)


def parameter_axis(axes: Axes, tests: Experiment) -> None:
    """Name the axis of the parameter; its values where they are texts."""
    axes.set_xlabel(tests.parameter_label)
    axes.margins(x=0.06)
    if tests.is_numeric:
        style.few_ticks(axes.xaxis, 5, whole=all(float(one).is_integer() for one in tests.values))
    else:
        axes.set_xticks(range(len(tests.values)), list(tests.values), rotation=30, ha="right")
    if len(tests.values) == 1:
        places = tests.placed(tests.table.select("dt", "parameter_value").unique())["place"].unique().sort()
        room = max(abs(places[-1]), 1.0) * 0.5
        axes.set_xlim(places[0] - room, places[-1] + room)
        if tests.is_numeric:
            axes.set_xticks(places.to_list())


def fraction_axis(axes: Axes, courses: Sequence[pl.DataFrame], chance: float | None = None) -> None:
    """From zero to as much of a fraction as there is in courses, with a line at the level of chance."""
    if chance is not None:
        axes.axhline(chance, color=style.GREY, linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=1)
    top = max(largest(courses), largest(courses, "high"), chance or 0.0)
    axes.set_ylim(0, min(1.02, 1.05 * top) or 1.02)
    style.few_ticks(axes.yaxis)


class Ridge(NamedTuple):
    """Traces over time that stand above one line.

    Attributes:
        name: what stands beside it.
        course: means over time, for each category.
        largest: the value that has the full height.
        intervals: when the stimulus is there.
    """

    name: str
    course: pl.DataFrame
    largest: float
    intervals: Intervals


def layer_ridges(tests: Experiment, courses: Mapping[str, pl.DataFrame], value: Any) -> list[Ridge]:
    """A ridge for each layer at a value of the parameter, with the scale that the layer has at all values.

    Args:
        tests: the tests.
        courses: for each layer its means over time.
        value: the value.
    """
    intervals = tests.at(parameter_value=value).stimulus()
    return [
        Ridge(layer, _at(course, parameter_value=value), full_height(course), intervals)
        for layer, course in courses.items()
    ]


def full_height(course: pl.DataFrame) -> float:
    """The value that has the full height of a ridge: that of the highest band, where it is not too wide."""
    mean = largest([course])
    return max(mean, min(largest([course], "high"), 1.5 * mean))


def chance(about: About) -> float | None:
    """The accuracy of guessing, where classes are known."""
    return 1 / len(about.classes) if about.classes else None


def ridges(axes: Axes, rows: Sequence[Ridge], tests: Experiment) -> None:
    """Draw ridges from top to bottom, each with a line for each category."""
    if not rows:
        style.say(axes, "no responses")
        return
    for place, (_, course, largest, intervals) in enumerate(rows):
        base = -float(place)
        for begin, end in intervals:
            box = Rectangle((begin, base), end - begin, 0.96, facecolor=style.STIMULUS, linewidth=0, zorder=0)
            axes.add_patch(box)
        axes.axhline(base, color="#BBBBBB", linewidth=0.5, zorder=1)
        scale = _HIGH / largest if largest > 0 else 0.0
        # A band that is wider than its ridge ends where the next one begins.
        raised = course.with_columns(
            pl.col("mean") * scale + base, (pl.col("low", "high") * scale).clip(0, 1 / 1.04) + base
        )
        for number, category in enumerate(tests.categories):
            curve(axes, _at(raised, category_value=category), style.line(number))
    axes.set_yticks([-place for place in range(len(rows))], [name for name, *_ in rows], va="bottom")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(0.92 - len(rows), 1.0)
    axes.spines["left"].set_visible(False)


def scale_bars(axes: Axes, rows: Sequence[Ridge]) -> None:
    """Beside each ridge a bar of its full height, with the value."""
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "color": style.INK, "clip_on": False}
    for place, row in enumerate(rows):
        if row.largest > 0:
            axes.plot([1.03, 1.03], [-place, _HIGH - place], linewidth=1.0, **beside)
            axes.text(1.06, 0.5 * _HIGH - place, f"{row.largest:.2g}\na.u.", va="center", fontsize=6.5, **beside)


def largest(courses: Sequence[pl.DataFrame], column: str = "mean") -> float:
    """The largest value of a column in any of these tables; 0 without one."""
    found = [one[column].drop_nans().drop_nulls().max() for one in courses]
    return max((float(one) for one in found if one is not None), default=0.0)  # type: ignore[arg-type]


def time_axis(axes: Axes, tests: Experiment, ticks: int = 4) -> None:
    """From the first to the last step of the tests."""
    last = float((tests.table["times_index"] * tests.table["dt"]).max() or 1.0)  # type: ignore[arg-type]
    axes.set_xlim(0, last)
    style.few_ticks(axes.xaxis, ticks)
    axes.set_xlabel(TIME)


def _at(rows: pl.DataFrame, **chosen: Any) -> pl.DataFrame:
    return rows.filter(pl.all_horizontal(pl.col(name) == value for name, value in chosen.items()))

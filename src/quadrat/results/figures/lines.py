"""Draw the mean of a metric with its 95 % interval against one parameter, one series for each value of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from quadrat.core.errors import BadInput
from quadrat.results.curves import Curves
from quadrat.results.figures import style
from quadrat.results.human import exact

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEP = 7.5
"""Points of print between series at one x, where there is room."""
_WIDTH = 220
"""Points of print that the x axis is wide, about."""
_MOST_FACETS = 12
_MANY = 16
"""From so many numbers at the x axis on a series is a line in a band, without marks."""


def draw(found: Curves) -> Figure:
    """The figure.

    Raises:
        BadInput: for more series than can be told apart, or where matplotlib is not installed.
    """
    with style.settings():
        figure = style.new()
        axes: Axes = figure.add_subplot()
        axis = XAxis(found.points["x"])
        hues = _hues([found])
        _panel(axes, axis, found, hues)
        axes.set_xlabel(style.wrapped(found.labels[found.x], 3.6))
        axes.set_ylabel(style.wrapped(found.labels[found.y], 2.6))
        if found.hue:
            axes.legend(title=found.labels[found.hue], loc="best", alignment="left")
        _note(figure, axis, [found], len(hues))
    return figure


def draw_facets(parts: Sequence[tuple[str, Curves]]) -> Figure:
    """Small figures side by side with the same axes, each with a title.

    Raises:
        BadInput: for more series or facets than can be told apart, or where matplotlib is not installed.
    """
    if len(parts) > _MOST_FACETS:
        raise BadInput(f"--facet gives {len(parts)} figures", hint="select fewer with --where")
    shown = [found for _, found in parts]
    first, hues = shown[0], _hues(shown)
    columns = min(len(parts), 3)
    rows = -(-len(parts) // columns)
    with style.settings():
        figure = style.new(2.3 * columns + (1.4 if first.hue else 0.4), 2.1 * rows + 0.6)
        grid: Any = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        import polars as pl

        axis = XAxis(pl.concat([found.points["x"] for found in shown]))
        for axes, (title, found) in zip(grid.flat, parts, strict=False):
            _panel(axes, axis, found, hues)
            axes.set_title(title)
        for axes in list(grid.flat)[len(parts) :]:
            axes.set_axis_off()
        figure.supylabel(style.wrapped(first.labels[first.y], 2.1 * rows), fontsize=9)
        if first.hue:
            handles, names = _legend(list(grid.flat), hues)
            figure.legend(handles, names, title=first.labels[first.hue], loc="outside right upper", alignment="left")
        for axes in grid[-1]:
            axes.set_xlabel(style.wrapped(first.labels[first.x], 1.9))
        _note(figure, axis, shown, len(hues))
    return figure


def _hues(shown: Sequence[Curves]) -> list[Any]:
    import polars as pl

    hues = pl.concat([found.points["hue"] for found in shown]).unique(maintain_order=True).sort(nulls_last=True)
    if len(hues) > style.MOST:
        raise BadInput(f"--hue {shown[0].hue} gives {len(hues)} series", hint="select fewer with --where")
    return hues.to_list()


def _legend(panels: Sequence[Any], hues: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """The mark of each series, from the first panel that has it."""
    found: dict[str, Any] = {}
    for axes in panels:
        for mark, name in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(name, mark)
    names = [name for hue in hues if (name := exact(hue)) in found]
    return [found[name] for name in names], names


def _panel(axes: Axes, axis: XAxis, found: Curves, hues: Sequence[Any]) -> None:
    """Draw all series of one panel."""
    axis.dress(axes)
    for place, hue in enumerate(hues):
        drawn = _band if axis.many else _series
        drawn(axes, axis, found, hue, place, len(hues))
    axes.margins(x=0.08, y=0.08)
    axes.autoscale_view(scalex=not axis.categories)


def _note(figure: Figure, axis: XAxis, shown: Sequence[Curves], count: int) -> None:
    beside = count > 1 and not axis.many and axis.step(count) > 0
    style.note(figure, caption(shown, beside=beside, bands=axis.many))


def _series(axes: Axes, axis: XAxis, found: Curves, hue: Any, place: int, count: int) -> None:
    """One series: the mean with its interval, and the single runs to its right, hollow where they do not count."""
    import polars as pl

    same = pl.col("hue").eq_missing(pl.lit(hue))
    part, single, lost = (one.filter(same) for one in (found.points, found.single, found.left_out))
    colour, marker, hollow = style.look(place)
    replicated = found.points["n"].max() != 1
    step = axis.step(count) if replicated else 0.0
    shift = (place - (count - 1) / 2) * step
    x, mean = axis.at(part["x"].to_list()), [math.nan if one is None else one for one in part["mean"].to_list()]
    half = [0.0 if value is None else value for value in part["ci95"].to_list()]
    if replicated:
        axes.plot(
            axis.at(single["x"].to_list()), single["y"].to_list(), transform=_beside(axes, shift + step / 2),
            linestyle="", marker="o", markersize=2.6, color=colour, alpha=0.55, markeredgewidth=0, zorder=1,
        )  # fmt: skip
    if len(lost):
        axes.plot(
            axis.at(lost["x"].to_list()), lost["y"].to_list(), transform=_beside(axes, shift + step / 2), linestyle="",
            marker="o", markersize=3.0, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=0.6, zorder=1,
        )  # fmt: skip
    axes.errorbar(
        x, mean, yerr=half if replicated else None,
        transform=_beside(axes, shift), color=colour, marker=marker, markerfacecolor="white" if hollow else colour,
        capsize=2.2, elinewidth=0.9, label=exact(hue), zorder=2 + place,
        linestyle="" if axis.categories else ("--" if hollow else "-"),
    )  # fmt: skip
    low = [(one, value - wide) for one, value, wide in zip(x, mean, half, strict=True)]
    high = [(one, value + wide) for one, value, wide in zip(x, mean, half, strict=True)]
    dots = [dot for one in (single, lost) for dot in zip(axis.at(one["x"].to_list()), one["y"].to_list(), strict=True)]
    axes.update_datalim([one for one in [*low, *high, *dots] if math.isfinite(one[1])])


def _band(axes: Axes, axis: XAxis, found: Curves, hue: Any, place: int, count: int) -> None:
    """One series of many points: the mean as a line, its interval as a band; single runs where there is one each."""
    import polars as pl

    part = found.points.filter(pl.col("hue").eq_missing(pl.lit(hue)) & pl.col("mean").is_not_null())
    colour, _, _ = style.look(place)
    x, mean, half = part["x"].to_numpy(), part["mean"].to_numpy(), part["ci95"].fill_null(0.0).to_numpy()
    dashes = style.LINES[(place + place // len(style.COLOURS)) % len(style.LINES)]
    axes.plot(x, mean, color=colour, linestyle=dashes, label=exact(hue), zorder=2 + count - place)
    axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.18, linewidth=0, zorder=1)


def _beside(axes: Axes, points: float) -> Any:
    """The place of the data, moved to the right by some points of print, whatever the scale."""
    from matplotlib.transforms import ScaledTranslation

    figure: Any = axes.figure
    return axes.transData + ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)


class XAxis:
    """Where x values lie: numbers on a linear or logarithmic axis, anything else at whole places."""

    def __init__(self, values: pl.Series) -> None:
        import polars as pl

        distinct = values.unique(maintain_order=True).to_list()
        numeric = values.dtype.is_numeric() and values.dtype != pl.Boolean and None not in distinct
        self.categories = [] if numeric else distinct
        self.numbers = sorted(float(value) for value in distinct) if numeric else []
        low, high = (self.numbers[0], self.numbers[-1]) if self.numbers else (0.0, 0.0)
        self.many = len(self.numbers) >= _MANY
        self.logarithmic = low > 0 and high / low >= 100 and not self.many

    def at(self, values: Sequence[Any]) -> list[float]:
        """The places of some values."""
        if self.categories:
            return [float(self.categories.index(value)) for value in values]
        return [float(value) for value in values]

    def step(self, count: int) -> float:
        """Points of print between series at one x, so that their intervals do not hide each other; 0 without room."""
        if self.categories:
            room = 1 / len(self.categories)
        else:
            places = [math.log(one) for one in self.numbers] if self.logarithmic else self.numbers
            gaps = [high - low for low, high in pairwise(places)]
            room = min(gaps) / (places[-1] - places[0]) if gaps else 1.0
        step = min(_STEP, (0.7 if self.categories else 0.4) * room * _WIDTH / count)
        return step if step >= 2.5 else 0.0

    def dress(self, axes: Axes) -> None:
        """Scale and ticks."""
        if self.categories:
            names = [exact(value) for value in self.categories]
            axes.set_xticks(range(len(names)), names, **style.slanted(names))
            axes.set_xlim(-0.6, len(names) - 0.4)
            return
        if self.logarithmic:
            axes.set_xscale("log")
        if self.logarithmic or self.many:
            return
        span = self.numbers[-1] - self.numbers[0]
        gaps = [high - low for low, high in pairwise(self.numbers)]
        if not gaps or min(gaps) >= 0.08 * span:
            axes.set_xticks(self.numbers, [exact(int(one) if one.is_integer() else one) for one in self.numbers])


def caption(shown: Sequence[Curves], *, beside: bool, bands: bool) -> str:
    """What the marks are, and how many runs are behind them."""
    counts = sorted({count for found in shown for count in found.points["n"].to_list()})
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    hollow = "\nhollow dots: runs that do not count" if any(len(found.left_out) for found in shown) else ""
    over = dict.fromkeys(name for found in shown for name in found.over)
    if set(counts) <= {0, 1}:
        return f"single runs (n = 1){hollow}"
    per = f" over {', '.join(over)}" if over else ""
    if bands:
        return f"mean{per}, band: 95 % interval (Student's t), n = {number}"
    shifted = "\nseries stand side by side at the same x" if beside else ""
    return f"mean{per} with 95 % interval (Student's t), n = {number}; small dots: single runs{hollow}{shifted}"

"""Draw the mean of a metric with its 95 % interval against one parameter, one series for each value of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrat.core.errors import BadInput, unknown
from quadrat.results.curves import Curves
from quadrat.results.human import exact

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), without yellow: told apart by the colour-blind; markers tell series apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
KINDS = ("pdf", "png", "svg")
_SLANTED: Any = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
_SMALL: Any = {"fontsize": 7, "color": "0.35", "x": 0.99, "ha": "right", "multialignment": "right"}
_STEP = 7.5
"""Points of print between series at one x, where there is room."""
_WIDTH = 220
"""Points of print that the x axis is wide, about."""
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.0,
    "legend.title_fontsize": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.2,
    "lines.markersize": 5.0,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text in vector files
    "svg.fonttype": "none",
    "svg.hashsalt": "quadrat",
}


def draw(found: Curves) -> Figure:
    """The figure.

    Raises:
        BadInput: for more series than can be told apart, or where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise BadInput("figures need matplotlib", hint="pip install 'quadrat[plot]'") from None
    hues = found.points["hue"].unique(maintain_order=True).sort(nulls_last=True).to_list()
    if len(hues) > len(COLOURS) * 2:
        raise BadInput(f"--hue {found.hue} gives {len(hues)} series", hint="select fewer with --where")
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type,unused-ignore]
        figure = Figure(figsize=(4.2, 3.1), layout="constrained")
        axes: Axes = figure.add_subplot()
        axis = _XAxis(found.points["x"])
        axis.dress(axes)
        for place, hue in enumerate(hues):
            _series(axes, axis, found, hue, place, len(hues))
        axes.set_xlabel(found.labels[found.x])
        axes.set_ylabel(found.labels[found.y])
        axes.margins(x=0.08, y=0.08)
        axes.autoscale_view(scalex=not axis.categories)
        if found.hue:
            axes.legend(title=found.labels[found.hue], loc="best", alignment="left")
        beside = len(hues) > 1 and axis.step(len(hues)) > 0
        figure.supxlabel(_caption(found, beside=beside), **_SMALL)
    return figure


def _series(axes: Axes, axis: _XAxis, found: Curves, hue: Any, place: int, count: int) -> None:
    """One series: the mean with its interval, and the single runs to its right, hollow where they do not count."""
    import polars as pl

    same = pl.col("hue").eq_missing(pl.lit(hue))
    part, single, lost = (one.filter(same) for one in (found.points, found.single, found.left_out))
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    hollow = place >= len(COLOURS)
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


def _beside(axes: Axes, points: float) -> Any:
    """The place of the data, moved to the right by some points of print, whatever the scale."""
    from matplotlib.transforms import ScaledTranslation

    figure: Any = axes.figure
    return axes.transData + ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)


class _XAxis:
    """Where x values lie: numbers on a linear or logarithmic axis, anything else at whole places."""

    def __init__(self, values: pl.Series) -> None:
        import polars as pl

        distinct = values.unique(maintain_order=True).to_list()
        numeric = values.dtype.is_numeric() and values.dtype != pl.Boolean and None not in distinct
        self.categories = [] if numeric else distinct
        self.numbers = sorted(float(value) for value in distinct) if numeric else []
        low, high = (self.numbers[0], self.numbers[-1]) if self.numbers else (0.0, 0.0)
        self.logarithmic = low > 0 and high / low >= 100

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
            axes.set_xticks(range(len(self.categories)), [exact(value) for value in self.categories])
            axes.set_xlim(-0.6, len(self.categories) - 0.4)
            if max(len(exact(value)) for value in self.categories) * len(self.categories) > 44:
                axes.set_xticks(range(len(self.categories)), [exact(value) for value in self.categories], **_SLANTED)
            return
        if self.logarithmic:
            axes.set_xscale("log")
            return
        span = self.numbers[-1] - self.numbers[0]
        gaps = [high - low for low, high in pairwise(self.numbers)]
        if not gaps or min(gaps) >= 0.08 * span:
            axes.set_xticks(self.numbers, [exact(int(one) if one.is_integer() else one) for one in self.numbers])


def _caption(found: Curves, *, beside: bool) -> str:
    """What the marks are, and how many runs are behind them."""
    counts = sorted(set(found.points["n"].to_list()))
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    hollow = "\nhollow dots: runs that do not count" if len(found.left_out) else ""
    if set(counts) <= {0, 1}:
        return f"single runs (n = 1){hollow}"
    per = f" over {', '.join(found.over)}" if found.over else ""
    shifted = "\nseries stand side by side at the same x" if beside else ""
    return f"mean{per} with 95 % interval (Student's t), n = {number}; small dots: single runs{hollow}{shifted}"


def save(figure: Figure, output: Path) -> None:
    """Write a figure; its suffix says the format. The same numbers give the same bytes.

    Raises:
        BadInput: for another suffix than .pdf, .png, .svg, or a file that cannot be written.
    """
    import matplotlib as mpl

    kind = output.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise unknown("kind of figure", output.suffix, [f".{one}" for one in KINDS])
    undated: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(_STYLE):  # type: ignore[arg-type,unused-ignore]
            figure.savefig(output, format=kind, dpi=300, metadata=undated or None)
    except OSError as error:
        raise BadInput(f"'{output}' cannot be written: {error.strerror}") from None

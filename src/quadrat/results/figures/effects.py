"""Differences to a baseline, with their intervals, and every pair behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quadrat.core.errors import BadInput
from quadrat.results.figures import style
from quadrat.results.human import exact
from quadrat.results.paired import Paired

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(found: Paired) -> Figure:
    """The figure: one row for each value of x, series one below the other; the baseline is the line at 0.

    Raises:
        BadInput: for more series than can be told apart, or where matplotlib is not installed.
    """
    import polars as pl

    values = found.effects["x"].unique().sort(nulls_last=True).to_list()
    hues = found.effects["hue"].unique().sort(nulls_last=True).to_list()
    if len(hues) > style.MOST:
        raise BadInput(f"--hue {found.hue} gives {len(hues)} series", hint="select fewer with --where")
    with style.settings():
        figure = style.new(style.COLUMN, max(1.9, 1.0 + 0.24 * len(values) * max(1.4, len(hues))))
        axes = figure.add_subplot()
        axes.axvline(0, color="0.6", linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
        for place, hue in enumerate(hues):
            colour, marker, hollow = style.look(place)
            shift = 0.0 if len(hues) == 1 else 0.6 * (place / (len(hues) - 1) - 0.5)
            part, single = (one.filter(pl.col("hue").eq_missing(pl.lit(hue))) for one in (found.effects, found.single))
            axes.plot(
                single["difference"].to_list(), [values.index(one) + shift + 0.08 for one in single["x"].to_list()],
                linestyle="", marker="o", markersize=2.6, color=colour, alpha=0.5, markeredgewidth=0, zorder=1,
            )  # fmt: skip
            axes.errorbar(
                part["mean"].to_list(), [values.index(one) + shift - 0.08 for one in part["x"].to_list()],
                xerr=part["ci95"].fill_null(0.0).to_list(), linestyle="", marker=marker, color=colour, capsize=2.2,
                markerfacecolor="white" if hollow else colour, elinewidth=0.9, label=exact(hue), zorder=2,
            )  # fmt: skip
        axes.set_yticks(range(len(values)), [exact(value) for value in values])
        axes.set_ylim(len(values) - 0.45, -0.55)
        axes.set_ylabel(style.wrapped(found.labels[found.x], figure.get_figheight() - 0.8))
        text = f"{found.labels[found.y]}: difference to {found.x} = {exact(found.baseline)}"
        axes.set_xlabel(style.wrapped(text, style.COLUMN - 0.6))
        if found.hue:
            axes.legend(title=found.labels[found.hue], loc="best", alignment="left")
        style.note(figure, _note(found))
    return figure


def _note(found: Paired) -> str:
    counts = sorted(set(found.effects["n"].to_list()))
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    by = f" by {', '.join(found.over)}" if found.over else ""
    lost = f"\n{found.unpaired} without a partner left out" if found.unpaired else ""
    return f"mean of differences paired{by} with 95 % interval (Student's t), n = {number}; small dots: pairs{lost}"

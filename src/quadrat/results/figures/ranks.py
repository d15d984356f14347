"""Configurations as a ranking, and as lines through all parameters that vary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from quadrat.core.errors import BadInput
from quadrat.results.figures import style
from quadrat.results.human import exact
from quadrat.results.ranking import Ranking

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

_TOP = 30


def draw(found: Ranking) -> Figure:
    """The best configurations, a row each: mean with interval.

    Raises:
        BadInput: where matplotlib is not installed.
    """
    rows = found.rows.head(_TOP)
    with style.settings():
        figure = style.new(6.0, max(1.8, 0.9 + 0.19 * len(rows)))
        axes = figure.add_subplot()
        colour, _, _ = style.look(0)
        places = list(range(len(rows)))
        half = rows["@ci95"].fill_null(0.0).to_list()
        axes.errorbar(
            rows["@mean"].to_list(), places, xerr=half, linestyle="", marker="o", markersize=4, color=colour,
            capsize=1.8, elinewidth=0.9,
        )  # fmt: skip
        axes.set_yticks(places, [f"{name}  {place + 1}" for place, name in enumerate(rows["@name"].to_list())])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(found.labels[found.y])
        more = f"; the best {len(rows)} of {len(found.rows):,}" if len(rows) < len(found.rows) else ""
        style.note(figure, f"{_means(found)}{more}")
    return figure


def draw_parallel(found: Ranking) -> Figure:
    """Every configuration as a line through the values of its parameters, coloured by the metric; the best on top.

    Raises:
        BadInput: where fewer than two parameters vary, or matplotlib is not installed.
    """
    if len(found.axes) < 2:
        raise BadInput("parallel coordinates need two parameters that vary", hint="--kind lines shows one")
    with style.settings():
        figure = style.new(max(style.COLUMN, 1.1 * len(found.axes) + 1.6), 3.2)
        axes = figure.add_subplot()
        places = {name: _place(found.rows[name]) for name in found.axes}
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        means = found.rows["@mean"]
        colours = ScalarMappable(Normalize(float(means.min()), float(means.max())), colormaps[style.SEQUENTIAL])  # type: ignore[arg-type]
        for order, row in enumerate(found.rows.iter_rows(named=True)):
            heights = [places[name][row[name]] for name in found.axes]
            axes.plot(
                range(len(heights)), heights, color=colours.to_rgba(row["@mean"]), linewidth=1.1,
                zorder=len(found.rows) - order,
            )  # fmt: skip
        for place, name in enumerate(found.axes):
            axes.axvline(place, color="0.75", linewidth=0.7, zorder=0)
            for value, height in places[name].items():
                axes.annotate(
                    exact(value), (place, height), xytext=(3, 2), textcoords="offset points", fontsize=7,
                    zorder=10**6, bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5},
                )  # fmt: skip
        axes.set_xticks(range(len(found.axes)), list(found.axes), **style.slanted(found.axes))
        axes.set_xlim(-0.1, len(found.axes) - 0.7)
        axes.set_yticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
        figure.colorbar(colours, ax=axes, label=style.wrapped(found.labels[found.y], 2.4), pad=0.02)
        style.note(figure, f"{_means(found)}; a line is a configuration")
    return figure


def _place(column: pl.Series) -> dict[Any, float]:
    """The height of each value: numbers to scale (logarithmic over two decades), anything else in equal steps."""
    values = column.unique().sort(nulls_last=True).to_list()
    numbers = column.dtype.is_numeric() and None not in values
    if numbers and values[0] > 0 and values[-1] / values[0] >= 100:
        scaled = [math.log(one) for one in values]
    else:
        scaled = [float(one) for one in values] if numbers else [float(place) for place in range(len(values))]
    span = scaled[-1] - scaled[0] or 1.0
    return {value: (one - scaled[0]) / span for value, one in zip(values, scaled, strict=True)}


def _means(found: Ranking) -> str:
    counts = sorted(set(found.rows["@n"].to_list()))
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    per = f" over {', '.join(found.over)}" if found.over else ""
    order = "lowest first" if found.lowest else "highest first"
    return (
        f"mean{per} with 95 % interval (Student's t), n = {number}, {order}"
        if number != "1"
        else f"single runs, {order}"
    )

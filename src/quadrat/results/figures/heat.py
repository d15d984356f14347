"""Heat map: the mean of a metric over two axes, each cell with its number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from quadrat.core.errors import BadInput
from quadrat.results.curves import Curves
from quadrat.results.figures import style
from quadrat.results.human import exact, rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NUMBERS = 200
"""So many cells have room for a number each."""


def draw(found: Curves) -> Figure:
    """The figure: x to the right, hue upwards, the mean as colour; cells without a run are crossed out.

    Raises:
        BadInput: where there is no second axis, or matplotlib is not installed.
    """
    import numpy as np

    if not found.hue:
        raise BadInput("a heat map has two axes", where="--hue", hint="name the parameter of the vertical axis")
    columns, rows = (_values(found, name) for name in ("x", "hue"))
    grid = np.full((len(rows), len(columns)), math.nan)
    half = np.full_like(grid, math.nan)
    for point in found.points.iter_rows(named=True):
        place = rows.index(point["hue"]), columns.index(point["x"])
        grid[place] = math.nan if point["mean"] is None else point["mean"]
        half[place] = math.nan if point["ci95"] is None else point["ci95"]
    with style.settings():
        figure = style.new(
            min(9.0, max(style.COLUMN, 1.6 + 0.52 * len(columns))), min(8.0, max(2.4, 1.2 + 0.34 * len(rows)))
        )
        axes = figure.add_subplot()
        image = axes.imshow(grid, cmap=style.SEQUENTIAL, aspect="auto", origin="lower")
        names = [exact(value) for value in columns]
        axes.set_xticks(range(len(names)), names, **style.slanted(names, room=11 * round(figure.get_figwidth() - 1)))
        axes.set_yticks(range(len(rows)), [exact(value) for value in rows])
        tall = figure.get_figheight() - 0.8
        axes.set_xlabel(style.wrapped(found.labels[found.x], figure.get_figwidth() - 1.6))
        axes.set_ylabel(style.wrapped(found.labels[found.hue], tall))
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        for row, column in zip(*np.nonzero(np.isnan(grid)), strict=True):
            axes.text(column, row, "×", ha="center", va="center", color="0.6")
        if grid.size <= _MOST_NUMBERS:
            _write(axes, image, grid, half)
        figure.colorbar(image, ax=axes, label=style.wrapped(found.labels[found.y], tall), pad=0.02)
        style.note(figure, _note(found))
    return figure


def _values(found: Curves, name: str) -> list[Any]:
    return list(found.points[name].unique().sort(nulls_last=True).to_list())


def _write(axes: Any, image: Any, grid: Any, half: Any) -> None:
    """The number of each cell, in ink that can be read on its colour."""
    import numpy as np

    places = list(zip(*np.nonzero(~np.isnan(grid)), strict=True))
    texts = rounded([float(grid[place]) for place in places])
    for (row, column), text in zip(places, texts, strict=True):
        red, green, blue, _ = image.cmap(image.norm(grid[row, column]))
        dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5  # relative luminance, Rec. 709
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize=7)


def _note(found: Curves) -> str:
    counts = sorted(set(found.points["n"].to_list()))
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    per = f"mean over {', '.join(found.over)}, " if found.over else ""
    widest = found.points["ci95"].max()
    wide = f"; the widest 95 % interval is ±{rounded([float(widest)])[0]}" if isinstance(widest, float) else ""
    return f"{per}n = {number}{wide}"

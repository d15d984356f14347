"""The common style of figures, and what this study's figures need beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from quadrat.figures import COLOURS, FORMATS, GREY, INK, MARKERS, TALL, WIDE, legend, new, say, shades, styled, write

__all__ = [
    "COLOURS", "DASHED", "FORMATS", "GREY", "INK", "STIMULUS", "TALL", "WIDE", "few_ticks", "label_outer", "legend",
    "letter", "line", "new", "say", "series", "shades", "styled", "write",
]  # fmt: skip

_LINES: tuple[Any, ...] = ("-", (0, (1.2, 0.9)), (0, (6, 1.2, 1.2, 1.2)))
DASHED: Any = (0, (3.5, 1.5))
STIMULUS = "#E8E8E8"


def line(number: int) -> dict[str, Any]:
    """Colour and line style of a series. Dashes are left to what is feedforward only, so the first seven are solid."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": _LINES[number // len(COLOURS) % len(_LINES)]}


def series(number: int) -> dict[str, Any]:
    """The same, with a marker."""
    return line(number) | {"marker": MARKERS[number % len(MARKERS)]}


def letter(axes: Axes, number: int) -> None:
    """The letter of a panel, above the upper end of its y axis."""
    place: dict[str, Any] = {"xytext": (-24, 4), "textcoords": "offset points", "ha": "left", "va": "bottom"}
    axes.annotate("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 26], (0, 1), xycoords="axes fraction", weight="bold", **place)


def few_ticks(axis: Axis, most: int = 4, *, whole: bool = False) -> None:
    """At most about so many ticks on an axis, at round numbers; at whole ones only, if need be."""
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=whole))


def label_outer(grid: Sequence[Axes], shown: int, across: int) -> None:
    """Name the axes of a grid of panels at its edges only, and take away those after the first `shown`."""
    for number, axes in enumerate(grid):
        if number >= shown:
            axes.remove()
            continue
        axes.tick_params(labelbottom=number + across >= shown, labelleft=number % across == 0)
        if number + across < shown:
            axes.set_xlabel("")
        if number % across:
            axes.set_ylabel("")

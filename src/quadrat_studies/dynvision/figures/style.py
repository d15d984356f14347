"""How this study's figures look and how they are written; the only module that sets matplotlib up.

Figures are drawn without pyplot, so there is no global state and no display, and written without dates, so the same
numbers give the same file.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

# Okabe & Ito (2008), without yellow: distinct for the colour-blind; markers tell series apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
DASHED: Any = (0, (3.5, 1.5))
_LINES: tuple[Any, ...] = ("-", (0, (1.2, 0.9)), (0, (6, 1.2, 1.2, 1.2)))
INK, GREY, STIMULUS = "#222222", "#666666", "#E8E8E8"

FORMATS = ("pdf", "png")
WIDE = 7.0
"""Inches: two columns of a journal."""
TALL = 9.0
"""Inches: a page."""

_SETTINGS = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same file on every machine
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "axes.titlelocation": "left",
    "figure.titlesize": 7.5,
    "legend.fontsize": 7.5,
    "legend.title_fontsize": 7.5,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "pdf.fonttype": 42,  # text stays text in the vector files
    "svg.fonttype": "none",
    "svg.hashsalt": "dynvision",
}

_LETTERS = 17
"""Characters of heads and legends on an inch."""

_Given = ParamSpec("_Given")


def settings() -> AbstractContextManager[None]:
    """The style, for the time of a `with` block."""
    return mpl.rc_context(_SETTINGS)  # type: ignore[arg-type,unused-ignore]


def styled(draw: Callable[_Given, Figure]) -> Callable[_Given, Figure]:
    """Make a function draw in the style."""

    @wraps(draw)
    def drawn(*args: _Given.args, **kwargs: _Given.kwargs) -> Figure:
        with settings():
            return draw(*args, **kwargs)

    return drawn


def write(figure: Figure, stem: Path, formats: Sequence[str] = FORMATS, dpi: int = 300) -> list[Path]:
    """Write `figure` as `stem`.<format> for each format (png at `dpi` dots per inch); returns the paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    paths = []
    with settings():
        for kind in formats:
            paths.append(stem.with_name(f"{stem.name}.{kind}"))
            figure.savefig(paths[-1], format=kind, dpi=dpi, metadata=undated.get(kind))
            figure.set_layout_engine("none")  # laid out once for all formats
    return paths


def new_figure(width: float, height: float, *heads: str) -> Figure:
    """An empty figure of a size in inches, with the lines of its head, wrapped to its width."""
    figure = Figure(figsize=(width, height), layout="constrained")
    head = "\n".join(part for line in heads for part in textwrap.wrap(line, int(width * _LETTERS)))
    if head:
        figure.suptitle(head, x=0.01, ha="left", color=GREY, linespacing=1.5)
    return figure


def line(number: int) -> dict[str, Any]:
    """Colour and line style of series `number`, for lines too dense for markers."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": _LINES[number // len(COLOURS) % len(_LINES)]}


def series(number: int) -> dict[str, Any]:
    """Colour, line style and marker of series `number`, as keywords of `plot`."""
    return line(number) | {"marker": MARKERS[number % len(MARKERS)]}


def shades(number: int) -> list[Any]:
    """Colours of as many values in their order, dark to light: viridis without its palest end."""
    return [mpl.colormaps["viridis"](0.85 * place / max(1, number - 1)) for place in range(number)]


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


def legend(figure: Figure | SubFigure, handles: Sequence[Any], title: str = "", width: float | None = None) -> None:
    """A legend of `handles` below everything, where it hides no data, in as few even rows as fit the width (inches)."""
    if not handles:
        return
    longest = max(len(str(handle.get_label())) for handle in handles)
    room = (width or figure.get_figure(root=True).get_size_inches()[0]) * _LETTERS
    rows = math.ceil(len(handles) / max(1, int(room / (longest + 9))))
    columns = math.ceil(len(handles) / rows)
    figure.legend(handles=list(handles), loc="outside lower center", ncols=columns, title=title or None)


def say(axes: Axes, text: str) -> None:
    """Words in place of data, in the middle of `axes`; its ticks go, for there is nothing to read off them."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)
    axes.set_xticks([])
    axes.set_yticks([])

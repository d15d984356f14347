"""How figures look: the only module that sets matplotlib up. Studies have it as `quadrat.figures`.

Figures are drawn without pyplot: no global state, no display. Text in vector files stays text; colours are told apart
by the colour-blind, and markers and lines in grey print; files have no dates, so the same numbers give the same file.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from quadrat.core.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe & Ito (2008), without yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
INK, GREY, PALE = "#222222", "#666666", "#D6D6D6"
SEQUENTIAL = "viridis"
COLUMN = 4.2
"""The width of a figure in inches, where one axis is all."""
WIDE, TALL = 7.0, 9.0
"""Two columns and the height of a page of a journal, in inches."""
FORMATS = ("pdf", "png")
UNDATED: Mapping[str, Mapping[str, None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
"""Metadata of files by their format: no dates."""
MOST = 2 * len(COLOURS)
"""So many series can be told apart by colour and a filled or hollow marker."""
_LETTERS = 17
"""Letters of heads and legends on an inch."""
_SETTINGS: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same file on every machine
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "pdf.fonttype": 42,  # text stays text in vector files
    "svg.fonttype": "none",
    "svg.hashsalt": "quadrat",
}
_SIZES: Mapping[bool, Mapping[str, Any]] = {
    False: {
        **dict.fromkeys(("font.size", "axes.labelsize", "axes.titlesize", "figure.titlesize"), 9.0),
        **dict.fromkeys(("legend.fontsize", "legend.title_fontsize", "xtick.labelsize", "ytick.labelsize"), 8.0),
        "lines.markersize": 4.5,
    },
    True: {
        **dict.fromkeys(("font.size", "axes.labelsize", "axes.titlesize"), 8.0),
        **dict.fromkeys(("legend.fontsize", "legend.title_fontsize", "figure.titlesize"), 7.5),
        **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 7.0),
        **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
        "lines.markersize": 4.0,
    },
}

_Given = ParamSpec("_Given")


def settings(*, dense: bool = False) -> AbstractContextManager[None]:
    """The style, for the time of a `with` block.

    Args:
        dense: smaller letters, for figures of many panels.

    Raises:
        BadInput: where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise BadInput("figures need matplotlib", hint="pip install 'quadrat[plot]'") from None
    chosen: Any = {**_SETTINGS, **_SIZES[dense]}
    context: AbstractContextManager[None] = mpl.rc_context(chosen)
    return context


def styled(draw: Callable[_Given, Figure]) -> Callable[_Given, Figure]:
    """Make a function draw in the dense style."""

    @wraps(draw)
    def drawn(*args: _Given.args, **kwargs: _Given.kwargs) -> Figure:
        with settings(dense=True):
            return draw(*args, **kwargs)

    return drawn


def new(width: float = COLUMN, height: float = 3.1, *heads: str) -> Figure:
    """An empty figure of a size in inches, with the lines of its head, wrapped to its width; inside `settings()`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    head = "\n".join(part for line in heads for part in textwrap.wrap(line, int(width * _LETTERS)))
    if head:
        figure.suptitle(head, x=0.01, ha="left", color=GREY, linespacing=1.5)
    return figure


def write(figure: Figure, stem: Path, formats: Sequence[str] = FORMATS, dpi: int = 300) -> list[Path]:
    """Write a figure as `stem`.<format> for each format (png at `dpi` dots per inch); returns the paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    with settings():
        for kind in formats:
            paths.append(stem.with_name(f"{stem.name}.{kind}"))
            figure.savefig(paths[-1], format=kind, dpi=dpi, metadata=dict(UNDATED.get(kind, {})))
            figure.set_layout_engine("none")  # laid out once for all formats
    return paths


def series(number: int) -> dict[str, Any]:
    """Colour, line style and marker of a series, as keywords of `plot`: no two of the first 77 agree in all."""
    return line(number) | {"marker": MARKERS[number % len(MARKERS)]}


def line(number: int) -> dict[str, Any]:
    """Colour and line style of a series, for lines too dense for markers."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}


def look(number: int) -> tuple[str, str, bool]:
    """Colour, marker, and whether it is hollow (and its line dashed), of one of `MOST` series."""
    return COLOURS[number % len(COLOURS)], MARKERS[number % len(COLOURS)], number >= len(COLOURS)


def shades(number: int) -> list[Any]:
    """Colours of as many values in their order, dark to light: viridis without its palest end."""
    from matplotlib import colormaps

    return [colormaps[SEQUENTIAL](0.85 * place / max(1, number - 1)) for place in range(number)]


def legend(figure: Figure | SubFigure, handles: Sequence[Any], title: str = "", width: float | None = None) -> None:
    """A legend below everything, where it hides no data, in as few even rows as fit the width (inches)."""
    if not handles:
        return
    longest = max(len(str(handle.get_label())) for handle in handles)
    room = (width or figure.get_figure(root=True).get_size_inches()[0]) * _LETTERS  # type: ignore[union-attr,unused-ignore]
    rows = math.ceil(len(handles) / max(1, int(room / (longest + 9))))
    columns = math.ceil(len(handles) / rows)
    drawn = figure.legend(handles=list(handles), loc="outside lower center", ncols=columns, title=title or None)
    for each in drawn.get_lines():
        each.set_linewidth(max(each.get_linewidth(), 1.2))


def note(figure: Figure, text: str) -> None:
    """Say below a figure what its marks are, in lines that fit."""
    room = int(20 * figure.get_figwidth())
    lines = "\n".join(textwrap.fill(line, room) for line in text.splitlines())
    figure.supxlabel(lines, fontsize=7, color="0.35", x=0.99, ha="right", multialignment="right")


def wrapped(text: str, inches: float) -> str:
    """A label in lines of at most some inches, at the size of labels."""
    return textwrap.fill(text.replace("\n", " "), max(12, int(13 * inches)))


def slanted(names: Sequence[str], room: int = 44) -> dict[str, Any]:
    """How labels of ticks are written: slanted where they are too long to lie side by side.

    Args:
        names: the labels.
        room: letters that have room.
    """
    long = max(map(len, names), default=0) * len(names) > room
    return {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}


def say(axes: Axes, text: str) -> None:
    """Words in place of data, in the middle of axes; its ticks go, for there is nothing to read off them."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)
    axes.set_xticks([])
    axes.set_yticks([])

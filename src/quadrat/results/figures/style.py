"""How figures look: the only module of the library that sets matplotlib up.

Figures are drawn without pyplot: no global state, no display. They are as wide as a column of a journal; text in vector
files stays text; colours are told apart by the colour-blind, and markers and lines in grey print.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from quadrat.core.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito (2008), without yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
"""Dash patterns, for lines without markers."""
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"
COLUMN = 4.2
"""The width of a figure, in inches."""
SETTINGS: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
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


def styled() -> AbstractContextManager[None]:
    """A context in which matplotlib draws in this style.

    Raises:
        BadInput: where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise BadInput("figures need matplotlib", hint="pip install 'quadrat[plot]'") from None
    context: AbstractContextManager[None] = mpl.rc_context(dict(SETTINGS))  # type: ignore[arg-type,unused-ignore]
    return context


def new(width: float = COLUMN, height: float = 3.1) -> Figure:
    """An empty figure of a size in inches; make and fill it inside `styled()`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def slanted(names: Sequence[str], room: int = 44) -> dict[str, Any]:
    """How labels of ticks are written: slanted where they are too long to lie side by side.

    Args:
        names: the labels.
        room: letters that have room.
    """
    long = max(map(len, names), default=0) * len(names) > room
    return {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}


def note(figure: Figure, text: str) -> None:
    """Say below a figure what its marks are, in lines that fit."""
    room = int(20 * figure.get_figwidth())
    lines = "\n".join(textwrap.fill(line, room) for line in text.splitlines())
    figure.supxlabel(lines, fontsize=7, color="0.35", x=0.99, ha="right", multialignment="right")


def wrapped(text: str, inches: float) -> str:
    """A label in lines of at most some inches, at the size of labels."""
    return textwrap.fill(text.replace("\n", " "), max(12, int(13 * inches)))


def look(place: int) -> tuple[str, str, bool]:
    """Colour, marker, and whether it is hollow (and its line dashed), of one of 14 series."""
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)], place >= len(COLOURS)


MOST = 2 * len(COLOURS)
"""So many series can be told apart."""

"""How this study's figures look and how they are written; the only module that sets matplotlib up.

Figures are drawn without pyplot, so there is no global state and no display, and written without dates, so the same
numbers give the same file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), without yellow: distinct for the colour-blind; markers and lines tell series apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
INK, GREY, PALE = "#222222", "#777777", "#DDDDDD"

WORDS = {
    "r": "red r",
    "g": "green g",
    "b": "blue b",
    "angle": "angle (°)",
    "scale": "scale",
    "label": "digit",
    "digit": "held-out digit",
    "colour": "colour out of range",
    "angle_kind": "angle out of range",
    "corrupted": "corrupted image",
    "all": "all kinds",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "precision_at_n": "precision at n",
    "anomalous": "most anomalous",
    "uncertain": "most uncertain",
    "diverse": "diverse",
    "random": "random",
}
"""What codes are called in figures and on the page."""

_SETTINGS: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "legend.fontsize": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text in the vector files
    "svg.hashsalt": "wwdc",
}


def settings() -> AbstractContextManager[None]:
    """The style, for the time of a `with` block."""
    import matplotlib as mpl

    return mpl.rc_context(dict(_SETTINGS))  # type: ignore[arg-type,unused-ignore]


def new(width: float, height: float) -> Figure:
    """An empty figure, `width` x `height` inches, laid out so that nothing overlaps."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def write(figure: Figure, *paths: Path) -> None:
    """Write a figure to each path, in the format of its name (png at 200 dots per inch)."""
    for path in paths:
        undated = {"CreationDate": None} if path.suffix == ".pdf" else None
        figure.savefig(path, dpi=200, metadata=undated)
        figure.set_layout_engine("none")  # laid out once for all formats


def word(code: str) -> str:
    """What a code is called; kinds of anomalies named like factors are asked for as `angle_kind`."""
    return WORDS.get(code, code)


def kind_word(kind: str) -> str:
    """What a kind of anomaly is called."""
    return WORDS["angle_kind"] if kind == "angle" else word(kind)


def picture(axes: Axes, image: Any) -> None:
    """An image (C, H, W) in [0, 1] without axes."""
    axes.imshow(image.transpose(1, 2, 0).clip(0, 1), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def legend(figure: Figure, handles: Sequence[Any], columns: int = 4) -> None:
    """A legend below everything, where it hides no data."""
    figure.legend(handles=list(handles), loc="outside lower center", ncols=columns)

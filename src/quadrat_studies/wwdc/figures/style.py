"""The common style of figures, and what this study's figures need beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrat import figures
from quadrat.figures import COLOURS, GREY, LINES, MARKERS, PALE, legend, new, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS", "GREY", "LINES", "MARKERS", "PALE", "WORDS", "kind_word", "legend", "new", "picture", "settings", "word",
    "write",
]  # fmt: skip

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


def write(figure: Figure, *paths: Path) -> None:
    """Write a figure to paths that differ in their suffix (png at 200 dots per inch: pages embed them)."""
    figures.write(figure, paths[0].with_suffix(""), [path.suffix[1:] for path in paths], dpi=200)


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

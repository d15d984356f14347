"""How this study's figures look and how they are written; the only module that sets matplotlib up.

Figures are drawn without pyplot, so there is no global state and no display, and written without dates, so the same
numbers give the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito (2008), without yellow: distinct for the colour-blind; markers tell the series apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
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
    "svg.fonttype": "none",
    "svg.hashsalt": "mnist_fgsm",
}


def settings() -> AbstractContextManager[None]:
    """The style, for the time of a `with` block."""
    import matplotlib as mpl

    return mpl.rc_context(_SETTINGS)  # type: ignore[arg-type,unused-ignore]


def write(figure: Figure, stem: Path, formats: Sequence[str]) -> list[Path]:
    """Write `figure` as `stem`.<format> for each format (png at 300 dots per inch); returns the paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    paths = []
    for kind in formats:
        paths.append(stem.with_name(f"{stem.name}.{kind}"))
        figure.savefig(paths[-1], format=kind, dpi=300, metadata=undated.get(kind))
    return paths

"""How this study's figures look and how they are written; the only module that sets matplotlib up.

Figures are drawn without pyplot, so there is no global state and no display, and written without dates, so the same
numbers give the same file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), without yellow: distinct for the colour-blind; markers and lines tell series apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
INK, GREY, BAND = "#222222", "#777777", "#CCCCCC"

LLC = r"$\hat{\lambda}$ (dimensionless)"
FGE = "full-gradient equivalents (FGE)"

_SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "figure.titlesize": 9.0,
    "legend.fontsize": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "pdf.fonttype": 42,  # text stays text in the vector files
    "svg.fonttype": "none",
    "svg.hashsalt": "lambda_hat",
}


def settings() -> AbstractContextManager[None]:
    """The style, for the time of a `with` block."""
    import matplotlib as mpl

    return mpl.rc_context(_SETTINGS)  # type: ignore[arg-type,unused-ignore]


def write(figure: Figure, stem: Path, formats: Sequence[str], dpi: int = 300) -> list[Path]:
    """Write `figure` as `stem`.<format> for each format (png at `dpi` dots per inch); returns the paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    paths = []
    for kind in formats:
        paths.append(stem.with_name(f"{stem.name}.{kind}"))
        figure.savefig(paths[-1], format=kind, dpi=dpi, metadata=undated.get(kind))
        figure.set_layout_engine("none")  # laid out once for all formats
    return paths


def series(number: int) -> dict[str, Any]:
    """Colour, line style and marker of series `number`, as keywords of `plot`: no two of the first 77 agree in all."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": LINES[number % len(LINES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def line(number: int) -> dict[str, Any]:
    """Colour and line style of series `number`, for lines too dense for markers."""
    return {name: value for name, value in series(number).items() if name != "marker"}


def legend(figure: Figure, handles: Sequence[Any]) -> None:
    """A legend of `handles` below everything, where it hides no data, in as few even rows as fit the width."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    wide = figure.get_size_inches()[0] * 17  # characters of a legend on a line
    rows = max(1, math.ceil(len(handles) * (longest + 9) / wide))
    drawn = figure.legend(
        handles=list(handles), loc="outside lower center", ncols=max(1, math.ceil(len(handles) / rows))
    )
    for each in drawn.get_lines():
        each.set_linewidth(max(each.get_linewidth(), 1.2))


def say(axes: Axes, text: str) -> None:
    """Words in place of data, in the middle of `axes`; its ticks go, for there is nothing to read off them."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)
    axes.set_xticks([])
    axes.set_yticks([])


def decades(axes: Axes) -> None:
    """No numbers between the decades of logarithmic axes, where there are decades enough to read them off."""
    from matplotlib.ticker import NullFormatter

    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        if axis.get_scale() == "log" and high >= 10 * low:
            axis.set_minor_formatter(NullFormatter())


def span(values: Iterable[Any], margin: float = 0.06) -> tuple[float, float] | None:
    """Limits of an axis around all finite `values` (arrays or numbers), a `margin` wider; None without any."""
    flat = np.concatenate([np.ravel(np.asarray(each, dtype=float)) for each in values] or [np.empty(0)])
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return None
    low, high = float(flat.min()), float(flat.max())
    room = margin * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room

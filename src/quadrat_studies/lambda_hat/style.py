"""The common style of figures, and what this study's figures need beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from quadrat.figures import COLOURS, GREY, INK, MARKERS, legend, line, say, series, settings, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BAND", "COLOURS", "FGE", "GREY", "INK", "LLC", "MARKERS", "decades", "legend", "line", "say", "series", "settings",
    "span", "write",
]  # fmt: skip

BAND = "#CCCCCC"
LLC = r"$\hat{\lambda}$ (dimensionless)"
FGE = "full-gradient equivalents (FGE)"


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

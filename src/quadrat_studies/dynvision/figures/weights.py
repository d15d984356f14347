"""How the weights of a network are distributed, by layer and by what they connect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from quadrat import BadInput

from . import style
from .words import PLAIN, About

KINDS = {
    "recurrence": "recurrence",
    "addskip": "skip",
    "addfeedback": "feedback",
    "classifier": "classifier",
    "": "feedforward",
}
"""The kind of a weight by a word in its name; the first that fits counts."""

ORDER = ("feedforward", "recurrence", "skip", "feedback", "classifier")
_BINS = 400


def kind_of(name: str) -> tuple[str, str]:
    """The kind and the layer of a weight by its name: "addskip_V4.conv.weight" is ("skip", "V4")."""
    kind = next(kind for word, kind in KINDS.items() if word in name)
    return kind, name.split(".", 1)[0].removeprefix("addskip_").removeprefix("addfeedback_")


def select_weights(arrays: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, NDArray[Any]]]:
    """For each kind and layer its weights in one array: matrices and kernels, and single weights of recurrence.

    Biases, time constants and gains are left out, and so is what a layer holds of another one as its source.
    """
    found: dict[str, dict[str, list[NDArray[Any]]]] = {kind: {} for kind in ORDER}
    for name, array in arrays.items():
        is_single = array.size == 1 and name.endswith("recurrence.weight")
        if (array.ndim >= 2 or is_single) and ".source." not in name and np.issubdtype(array.dtype, np.floating):
            kind, layer = kind_of(name)
            found[kind].setdefault(layer, []).append(array.ravel())
    return {
        kind: {layer: np.concatenate(parts) for layer, parts in layers.items()}
        for kind, layers in found.items()
        if layers
    }


@style.styled
def draw_weights(arrays: Mapping[str, NDArray[Any]], about: About = PLAIN) -> Figure:
    """A panel for each kind, with a violin for each layer: density, median, quartiles, and the range of 95 %.

    Args:
        arrays: the parameters of a network by their names, such as its state.
        about: what they do not say.

    Raises:
        BadInput: where there is no weight among them.
    """
    kinds = select_weights(arrays)
    if not kinds:
        raise BadInput("there are no weights")
    counts = [len(layers) for layers in kinds.values()]
    head = "violins: density; dot: median; bar: quartiles; line: 95 % of the weights"
    figure = style.new(style.WIDE, 3.2, about.title, head)
    # As wide as there are violins, but wide enough for the panel's name.
    grid = figure.subplots(1, len(kinds), squeeze=False, width_ratios=[max(1.6, count) for count in counts])[0]
    for number, (axes, (kind, layers)) in enumerate(zip(grid, kinds.items(), strict=True)):
        for place, values in enumerate(layers.values()):
            _violin(axes, place, values, style.COLOURS[ORDER.index(kind)])
        axes.axhline(0, color="#BBBBBB", linewidth=0.5, zorder=0)
        crowded = len(layers) > 5
        axes.set_xticks(range(len(layers)), list(layers), rotation=60 if crowded else 0)
        axes.set_xlim(-0.6, len(layers) - 0.4)
        axes.set_xlabel("layer")
        axes.set_title(kind)
        axes.set_ylabel("weight (a.u.)")
        style.few_ticks(axes.yaxis)
        style.letter(axes, number)
    return figure


def _violin(axes: Axes, place: int, values: NDArray[Any], colour: str) -> None:
    """The density of values: a fine histogram of all of them, smoothed by the rule of Silverman (1986, eq. 3.31)."""
    finite = values[np.isfinite(values)].astype(float)
    if not finite.size:
        return
    low, first, median, third, high = np.quantile(finite, [0.025, 0.25, 0.5, 0.75, 0.975])
    spread = min(float(finite.std()), (third - first) / 1.349) or float(finite.std())
    if spread > 0:
        width = 0.9 * spread * finite.size**-0.2
        edges = np.linspace(finite.min() - 3 * width, finite.max() + 3 * width, _BINS + 1)
        counts, _ = np.histogram(finite, edges)
        step = edges[1] - edges[0]
        kernel = np.exp(-0.5 * (np.arange(-_BINS, _BINS + 1) * step / max(width, step / 2)) ** 2)
        density = np.convolve(counts, kernel)[_BINS : 2 * _BINS]
        half = 0.42 * density / density.max()
        axes.fill_betweenx((edges[1:] + edges[:-1]) / 2, place - half, place + half, color=colour, alpha=0.4, lw=0)
        axes.plot([place, place], [low, high], color=style.INK, linewidth=0.8)
        axes.plot([place, place], [first, third], color=style.INK, linewidth=2.6, solid_capstyle="butt")
    axes.plot([place], [median], "o", color="white", markeredgecolor=style.INK, markersize=3.6, markeredgewidth=0.8)

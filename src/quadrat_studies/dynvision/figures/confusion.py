"""Which classes are taken for which others."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ..analysis.summaries import confusion
from . import style
from .words import PLAIN, About

_NUMBERED = 12  # classes; numbers of more would be too small to read
_NAMED = 40


@style.styled
def draw_confusion(table: pl.DataFrame, dt: float, about: About = PLAIN, step: int | None = None) -> Figure:
    """The share of the images of each class (row) that are taken for each class (column).

    Args:
        table: of a test, as `analysis.process.process_test` makes it, or the outputs of one.
        dt: the time step, ms.
        about: what the table does not say.
        step: the time step of the guesses; without, that of the largest accuracy.

    Raises:
        BadInput: where there is no sample with a class, or no such step.
    """
    counts, classes, at = confusion(table, step)
    images = counts.sum(1, keepdims=True)
    share = counts / np.maximum(images, 1)
    right = np.trace(counts) / counts.sum()
    best = ", the best step" if step is None else ""
    numbers = "; numbers: %" if len(classes) <= _NUMBERED else ""
    heads = about.title, f"{counts.sum()} images at {at * dt:g} ms{best}: accuracy {right:.3f}{numbers}"
    side = min(2.2 + 0.32 * len(classes), style.WIDE) if len(classes) <= _NAMED else 5.5
    figure = style.new(side + 0.9, side + 0.3, *heads)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    if len(classes) <= _NUMBERED:
        for (row, column), value in np.ndenumerate(share):
            if counts[row, column]:
                colour = "white" if value > 0.55 else style.INK
                axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=colour, fontsize=6.5)
    every = 1 if len(classes) <= _NAMED else 10
    names = [about.class_name(one) for one in classes][::every]
    size = 7.0 if len(classes) <= 20 else 5.5
    axes.set_xticks(range(0, len(classes), every), names, rotation=90, fontsize=size)
    axes.set_yticks(range(0, len(classes), every), names, fontsize=size)
    axes.set(xlabel="guess", ylabel="class")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02, label="images of the class (fraction)")
    bar.outline.set_visible(False)
    bar.set_ticks([0, 0.5, 1])
    return figure

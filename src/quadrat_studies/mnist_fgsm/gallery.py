"""The picture of adversarial examples: each original beside its perturbation and the adversarial image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quadrat import figures as style

from .attack import Examples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = 0.8  # inches per image
_LEFT, _RIGHT = 0.55, 0.75  # inches, for the labels
_TOP, _BOTTOM = 0.24, 0.2  # inches, for the headings and the key
_GAP = 0.08  # of an image, between images
_DEPTH = 0.38  # of the colour map on each side of white: its very ends look black in print
_INK = "#222222"


def examples_figure(examples: Examples, path: Path) -> Path:
    """Draw `examples` to `path` (its suffix is the format: png, pdf or svg), one per row; returns `path`.

    Columns: the original with its label, the perturbation (blue takes ink away, red adds it, white is none), and the
    adversarial image with the wrong prediction. Without examples the picture says so. Takes 0.1 s, and matplotlib's
    import another 0.3 s once per process.
    """
    from matplotlib.figure import Figure

    with style.settings():
        figure = Figure(figsize=(_LEFT + _RIGHT + _CELL * (3 + 2 * _GAP), _height(max(len(examples.label), 1))))
        if len(examples.label):
            _draw(figure, examples)
        else:
            figure.text(0.5, 0.5, f"no image was fooled at ε = {examples.epsilon:g}", ha="center", va="center")
        return style.write(figure, path.with_suffix(""), [path.suffix.lstrip(".")])[0]


def _height(rows: int) -> float:
    return _TOP + _BOTTOM + _CELL * (rows + (rows - 1) * _GAP)


def _draw(figure: Figure, examples: Examples) -> None:
    from matplotlib import colormaps

    # One picture of all cells in one axes: a grid of fifteen axes takes five times as long to draw.
    change = examples.adversarial - examples.original
    largest = max(float(np.abs(change).max()), 1e-12)
    paper, signed = colormaps["gray_r"], colormaps["RdBu_r"]
    columns = (paper(examples.original), signed(0.5 + _DEPTH * change / largest), paper(examples.adversarial))
    rows, height, width = examples.original.shape
    step_y, step_x = height + round(_GAP * height), width + round(_GAP * width)
    canvas = np.ones((rows * step_y - step_y + height, 2 * step_x + width, 4))
    for column, cells in enumerate(columns):
        for row, cell in enumerate(cells):
            canvas[row * step_y :, column * step_x :][:height, :width] = cell

    wide, high = figure.get_size_inches()
    axes = figure.add_axes((_LEFT / wide, _BOTTOM / high, 1 - (_LEFT + _RIGHT) / wide, 1 - (_TOP + _BOTTOM) / high))
    axes.imshow(canvas, interpolation="nearest", extent=(0, canvas.shape[1], canvas.shape[0], 0))
    axes.set_axis_off()
    for column, heading in enumerate(("original", "perturbation", "adversarial")):
        left = column * step_x
        axes.text(left + width / 2, -0.08 * height, heading, ha="center", va="bottom", color=_INK)
        for row in range(rows):  # a frame, since the paper of an image is as white as the page
            corners = ([left, left + width, left + width, left], [row * step_y] * 2 + [row * step_y + height] * 2)
            axes.fill(*corners, fill=False, edgecolor="#999999", linewidth=0.5, clip_on=False)
    for row, (label, predicted) in enumerate(zip(examples.label, examples.predicted, strict=True)):
        middle = row * step_y + height / 2
        axes.text(-0.1 * width, middle, f"label {label}", ha="right", va="center", color=_INK)
        axes.text(canvas.shape[1] + 0.1 * width, middle, f"read as {predicted}", ha="left", va="center", color=_INK)
    unit = "" if examples.domain == "pixel" else " (normalised units)"
    key = f"ε = {examples.epsilon:g}{unit}; blue to red: \N{MINUS SIGN}{largest:.2g} to +{largest:.2g} of full ink"
    centre = (_LEFT + (wide - _LEFT - _RIGHT) / 2) / wide
    figure.text(centre, 0.04 / high, key, ha="center", va="bottom", color=_INK, fontsize=7)

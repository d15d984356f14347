"""What the units of the classifier say of the images of a class, over time."""

from __future__ import annotations

from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from quadrat import BadInput

from ..analysis.process import OTHERS
from ..analysis.summaries import half_width
from . import panels, style
from .experiment import intervals
from .words import PLAIN, About

RIVALS = 3
"""Other classes that are shown by themselves: those of the largest mean logit."""


@style.styled
def draw_classifier(
    means: pl.DataFrame,
    label: int,
    dt: float,
    about: About = PLAIN,
) -> Figure:
    """Logits (A) and probabilities (B) of the class of the images, of its strongest rivals, and of all others.

    Args:
        means: as `analysis.process.classifier_means` makes it.
        label: the index of the class.
        dt: the time step, ms.
        about: what the table does not say.

    Raises:
        BadInput: where there are no images of the class.
    """
    rows = means.filter(pl.col("first_label_index") == label).with_columns((pl.col("times_index") * dt).alias("time"))
    if rows.is_empty():
        raise BadInput(f"there are no images of the class {label}", hint="record the responses of more batches")
    by_unit = rows.group_by("unit").agg(pl.col("logit").mean()).sort("logit", "unit", descending=[True, False])
    rivals = [unit for unit in by_unit["unit"] if unit not in (label, OTHERS)][:RIVALS]
    number = int(rows["samples"][0])
    of = f"images of the class {about.class_name(label)}"
    head = f"{of}; {about.interval('samples', (number, number))}; shaded: stimulus"
    shown = intervals(rows.filter("is_shown")["times_index"].unique().to_numpy(), dt)
    figure = style.new(style.WIDE, 2.9, about.title, head)
    looks: dict[int, dict[str, Any]] = {label: {"color": style.COLOURS[0], "linewidth": 2.0, "zorder": 3.0}}
    looks |= {unit: {"color": style.COLOURS[1 + place]} for place, unit in enumerate(rivals)}
    looks[OTHERS] = {"color": style.GREY, "linestyle": style.DASHED}
    names = {unit: about.class_name(unit) for unit in looks} | {OTHERS: "mean of all other classes"}
    names[label] += " (of the images)"
    for place, (axes, value, text) in enumerate(
        zip(figure.subplots(1, 2), ("logit", "probability"), ("logit (nats)", "probability (softmax)"), strict=True)
    ):
        panels.shade(axes, shown)
        for unit, look in looks.items():
            panels.curve(axes, _interval(rows.filter(pl.col("unit") == unit), value, about), look)
        _finish(axes, text, float(rows["time"].max() or 1.0))  # type: ignore[arg-type]
        style.letter(axes, place)
    style.legend(figure, [Line2D([], [], label=names[unit], **look) for unit, look in looks.items()], "class")
    return figure


def _interval(rows: pl.DataFrame, value: str, about: About) -> pl.DataFrame:
    pairs = rows.select(f"{value}_std", "samples").iter_rows()
    half = pl.Series([half_width(std, number, about.error) for std, number in pairs], dtype=pl.Float64)
    mean = pl.col(value)
    return rows.select("time", mean.alias("mean"), (mean - half).alias("low"), (mean + half).alias("high"))


def _finish(axes: Axes, label: str, last: float) -> None:
    axes.set_xlabel(panels.TIME)
    axes.set_ylabel(label)
    axes.set_xlim(0, last)
    style.few_ticks(axes.xaxis, 5)
    style.few_ticks(axes.yaxis)
    if label.startswith("probability"):
        axes.set_ylim(0, 1.02)

"""How trainings went: accuracy, cross-entropy and activity loss over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from quadrat import BadInput

from ..analysis.summaries import summarise
from . import panels, style
from .experiment import as_text, in_order
from .words import PLAIN, About

QUANTITIES = {"acc": "accuracy (fraction)", "ce": "cross-entropy (nats)", "activityloss": "activity loss (a.u.)"}
"""What is drawn of a training where it is there: columns train_… and val_…, and what they are called."""

KEY = "lines: validation, dashed: training"
"""What a figure's head says of the lines of `draw_quantity`."""


@style.styled
def draw_training(history: pl.DataFrame, about: About = PLAIN, category: str = "") -> Figure:
    """A panel for each of `QUANTITIES`: validation as lines, training dashed, a colour for each value of the category.

    Args:
        history: a row for each training and epoch, with epoch, train_acc, val_acc, train_ce, val_ce and perhaps
            train_activityloss and val_activityloss (null in epochs without validation); seed where there are several,
            and category_value.
        about: what the history does not say.
        category: the name of the category.

    Raises:
        BadInput: for a history without epochs or without any of the quantities.
    """
    shown = [name for name in QUANTITIES if {f"train_{name}", f"val_{name}"} & set(history.columns)]
    if "epoch" not in history.columns or history.is_empty() or not shown:
        raise BadInput("the history of a training has no epochs, or nothing of them")
    rows = with_category(history)
    categories = in_order(rows["category_value"].unique(maintain_order=True).to_list())
    numbers = rows.group_by("category_value").agg(pl.col("seed").n_unique())["seed"].to_list()
    head = f"{about.interval('seeds', (min(numbers), max(numbers)))}; {KEY}"
    figure = style.new(style.WIDE, 3.0, about.title, head)
    grid = figure.subplots(1, len(shown), squeeze=False)[0]
    for number, (axes, name) in enumerate(zip(grid, shown, strict=True)):
        draw_quantity(axes, rows, name, categories, about)
        axes.set_ylabel(QUANTITIES[name])
        style.letter(axes, number)
    entries = [Line2D([], [], label=one, **style.line(number)) for number, one in enumerate(categories)]
    style.legend(figure, entries if len(entries) > 1 else [], about.label(category) if category else "")
    return figure


def with_category(history: pl.DataFrame) -> pl.DataFrame:
    """A history with values of the category as text, and with a seed: the same one where it says none."""
    absent = [
        pl.lit(one).alias(name) for name, one in (("category_value", ""), ("seed", 0)) if name not in history.columns
    ]
    return history.with_columns(absent).with_columns(as_text("category_value"))


def draw_quantity(axes: Axes, rows: pl.DataFrame, name: str, categories: Sequence[str], about: About) -> None:
    """Draw one of `QUANTITIES` over the epochs, in the colours that categories have by their order."""
    for number, category in enumerate(categories):
        own = rows.filter(pl.col("category_value") == category)
        for part, look in (("train", {"linestyle": style.DASHED, "linewidth": 0.9}), ("val", {})):
            if f"{part}_{name}" in rows.columns:
                means = summarise(own, f"{part}_{name}", ["epoch"], about.error)
                panels.curve(axes, means, style.line(number) | look, x="epoch")
    axes.set_xlabel("epoch")
    style.few_ticks(axes.xaxis, 5, whole=True)
    style.few_ticks(axes.yaxis)
    axes.margins(x=0.02)
    if name == "acc":
        axes.set_ylim(0, 1.02)
    else:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))

"""Models side by side: a measure of a layer, or accuracy, against the parameter."""

from __future__ import annotations

import math

import polars as pl
from matplotlib.figure import Figure

from ..analysis.measures import MEASURES, find_measure
from ..analysis.process import RESPONSE
from ..analysis.summaries import measured, performance, traces
from . import panels, style
from .experiment import BY, Experiment
from .words import PLAIN, About, with_unit

_ACROSS = 4


@style.styled
def draw_comparison(
    table: pl.DataFrame,
    about: About = PLAIN,
    measure: str = "accuracy",
    layer: str | None = None,
) -> Figure:
    """A panel for each model, with a line for each value of the category.

    Args:
        table: of an experiment with several models, as `analysis.process.aggregate` makes it.
        about: what the table does not say.
        measure: "accuracy" or another column, whose largest mean over samples at any time is drawn, or the name of a
            measure of a layer (`analysis.measures.MEASURES`).
        layer: the layer; without, the last one of each model.

    Raises:
        BadInput: for a measure or a column that does not exist, tests of several states, or no responses.
    """
    whole = Experiment.of(table, about)
    models = whole.table["model_name"].unique(maintain_order=True).to_list()
    across = min(_ACROSS, len(models))
    rows = math.ceil(len(models) / across)
    width = style.WIDE if across > 1 else 0.55 * style.WIDE
    is_measure = measure in MEASURES or measure not in table.columns
    column = f"{whole.require_layer(layer)}{RESPONSE}" if is_measure else measure
    heads = about.title, whole.interval_text(column)
    figure = style.new(width, 1.1 + 1.9 * rows, *heads)
    grid = figure.subplots(rows, across, sharex=True, sharey=True, squeeze=False)
    for number, (axes, model) in enumerate(zip(grid.flat, models, strict=False)):
        tests = whole.at(model_name=model)
        title = str(model)
        if is_measure:
            one = find_measure(measure)
            chosen = tests.require_layer(layer)
            means = tests.means(measured(traces(tests.table, f"{chosen}{RESPONSE}"), measure))
            label = with_unit(one.label, one.unit)
            title = f"{model}, {chosen}"
        else:
            heights, _ = performance(tests.table, measure, [*BY, "dt"], about.error)
            means = tests.placed(heights)
            label = f"peak {about.label(measure)}"
        panels.against(axes, tests, means, label)
        axes.set_title(title)
        style.letter(axes, number)
    style.label_outer(list(grid.flat), len(models), across)
    style.legend(figure, panels.category_lines(whole), whole.category_name)
    return figure

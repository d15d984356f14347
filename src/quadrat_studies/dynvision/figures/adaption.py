"""How the responses of the layers change with the parameter of an experiment: measures of each layer."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from matplotlib.figure import Figure

from ..analysis.measures import find_measure
from ..analysis.process import RESPONSE
from ..analysis.summaries import measured, traces
from . import panels, style
from .experiment import Experiment
from .words import PLAIN, About, with_unit

MEASURES = ("power", "peak_height", "peak_time")


@style.styled
def draw_adaption(table: pl.DataFrame, about: About = PLAIN, measures: Sequence[str] = MEASURES) -> Figure:
    """A row for each layer, a column for each measure, against the parameter; a line for each value of the category.

    Args:
        table: of an experiment, as `analysis.process.aggregate` makes it.
        about: what the table does not say.
        measures: names of `analysis.measures.MEASURES`.

    Raises:
        BadInput: for a measure that does not exist, tests of several models or states, a column that is missing,
            or no responses.
    """
    tests = Experiment.of(table, about)
    shown = [find_measure(name) for name in measures]
    layers = tests.layers
    head = tests.interval_text(f"{tests.require_layer()}{RESPONSE}")
    figure = style.new(style.WIDE, min(1.1 + 1.15 * len(layers), style.TALL), about.title, head)
    grid = figure.subplots(len(layers), len(shown), sharex=True, squeeze=False)
    for row, layer in enumerate(layers):
        trace = traces(tests.table, f"{layer}{RESPONSE}")
        for place, (name, measure) in enumerate(zip(measures, shown, strict=True)):
            axes = grid[row][place]
            panels.against(axes, tests, tests.means(measured(trace, name)), with_unit(layer, measure.unit))
            if row < len(layers) - 1:
                axes.set_xlabel("")
            if not row:
                axes.set_title(measure.label)
                style.letter(axes, place)
    figure.align_ylabels(grid)
    style.legend(figure, panels.category_lines(tests), tests.category_name)
    return figure

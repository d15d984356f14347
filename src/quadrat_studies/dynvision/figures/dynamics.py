"""How activity runs through the layers, and how that of one layer changes with the parameter."""

from __future__ import annotations

import polars as pl
from matplotlib.figure import Figure

from ..analysis.measures import find_measure, focus
from ..analysis.process import RESPONSE
from ..analysis.summaries import measured, traces
from . import panels, style
from .experiment import Experiment
from .words import PLAIN, About, with_unit


@style.styled
def draw_dynamics(
    table: pl.DataFrame,
    about: About = PLAIN,
    layer: str | None = None,
    measure: str | None = None,
) -> Figure:
    """All layers at the middle value of the parameter (A), one layer at all values (B), and a measure of it (C).

    Args:
        table: of an experiment, as `analysis.process.aggregate` makes it.
        about: what the table does not say.
        layer: the layer of B and C; the last one without.
        measure: of C, a name of `analysis.measures.MEASURES`; without, the one that suits the parameter.

    Raises:
        BadInput: for a layer or a measure that does not exist, tests of several models or states, a column that is
            missing, or no responses.
    """
    tests = Experiment.of(table, about)
    chosen = tests.require_layer(layer)
    name = measure or focus(tests.parameter)
    one = find_measure(name)
    column = f"{chosen}{RESPONSE}"
    heads = about.title, f"{tests.interval_text(column)}; shaded: stimulus"
    most = max(len(tests.layers), len(tests.values))
    figure = style.new(style.WIDE, min(1.4 + max(1.8, 0.42 * most), style.TALL), *heads)
    left, middle, right = figure.subplots(1, 3)
    rows = panels.layer_ridges(tests, tests.layer_courses(), tests.middle)
    panels.ridges(left, rows, tests)
    panels.scale_bars(left, rows)
    left.set_title(f"{tests.parameter_name} {tests.value_text(tests.middle)}")
    left.set_ylabel("response (a.u.)")
    rows = _values(tests, column)
    panels.ridges(middle, rows, tests)
    panels.scale_bars(middle, rows[:1])
    middle.set_title(chosen)
    middle.set_ylabel(tests.parameter_name)
    means = tests.means(measured(traces(tests.table, column), name))
    panels.against(right, tests, means, with_unit(one.label, one.unit))
    right.set_title(chosen)
    for number, axes in enumerate((left, middle, right)):
        style.letter(axes, number)
    for axes in (left, middle):
        panels.time_axis(axes, tests)
    style.legend(figure, panels.category_lines(tests), tests.category_name)
    return figure


def _values(tests: Experiment, column: str) -> list[panels.Ridge]:
    """A ridge for each value of the parameter, all of one scale."""
    course = tests.course(column)
    largest = panels.full_height(course)
    return [
        panels.Ridge(
            tests.value_text(value),
            course.filter(pl.col("parameter_value") == value),
            largest,
            tests.at(parameter_value=value).stimulus(),
        )
        for value in tests.values
    ]

"""What a network answers and how its layers respond over time, for each value of the parameter."""

from __future__ import annotations

import polars as pl
from matplotlib.figure import Figure

from . import panels, style
from .experiment import Experiment
from .words import PLAIN, About

COLUMNS = 8
"""Values of the parameter that are shown, at most."""
ANSWERS = ("accuracy", "first_label_confidence")


@style.styled
def draw_responses(table: pl.DataFrame, about: About = PLAIN) -> Figure:
    """A column for each value of the parameter (8 of more): accuracy, confidence and the traces of all layers.

    A layer's traces have one scale in all columns. There is a line for each value of the category; the time of the
    stimulus is shaded.

    Args:
        table: of an experiment, as `analysis.process.aggregate` makes it.
        about: what the table does not say.

    Raises:
        BadInput: for tests of several models or states, or a column that is missing.
    """
    tests = Experiment.of(table, about)
    values = tests.shown(COLUMNS)
    some = f" ({len(values)} of {len(tests.values)} values)" if len(values) < len(tests.values) else ""
    columns = f"columns: {tests.parameter_label}{some}" if len(values) > 1 else ""
    heads = (about.title, f"{columns}{'; ' if columns else ''}{tests.interval_text('accuracy')}; shaded: stimulus")
    layers = max(1, len(tests.layers))
    width = style.WIDE if len(values) > 1 else 0.55 * style.WIDE
    figure = style.new(width, min(3.4 + 0.5 * layers, style.TALL), *heads)
    grid = figure.subplots(
        3, len(values), sharex=True, sharey="row", squeeze=False, height_ratios=[1, 1, 0.45 * layers]
    )
    for place, name in enumerate(ANSWERS):
        course = tests.course(name)
        for axes, value in zip(grid[place], values, strict=True):
            panels.shade(axes, tests.at(parameter_value=value).stimulus())
            panels.over_time(axes, tests, course, value)
            panels.fraction_axis(axes, [course], panels.chance(about))
        grid[place][0].set_ylabel(("accuracy\n(fraction)", "confidence\n(probability)")[place])
    courses = tests.layer_courses()
    for axes, value in zip(grid[2], values, strict=True):
        panels.ridges(axes, panels.layer_ridges(tests, courses, value), tests)
        panels.time_axis(axes, tests, ticks=3 if len(values) > 3 else 5)
    panels.scale_bars(grid[2][-1], panels.layer_ridges(tests, courses, values[-1]))
    grid[2][0].set_ylabel("response (a.u.)")
    for axes, value in zip(grid[0], values, strict=True):
        axes.set_title(tests.value_text(value), loc="center")
    for row in range(3):
        style.letter(grid[row][0], row)
    figure.align_ylabels(grid[:, 0])
    style.legend(figure, panels.category_lines(tests, with_markers=False), tests.category_name)
    return figure

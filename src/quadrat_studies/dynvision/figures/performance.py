"""How well and how fast a network answers: accuracy over time, its peak, and the time of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..analysis.summaries import performance
from . import panels, style
from .experiment import BY, Experiment
from .words import PLAIN, About

_ACROSS = 4  # categories beside each other


@style.styled
def draw_performance(
    table: pl.DataFrame,
    about: About = PLAIN,
    feedforward: pl.DataFrame | None = None,
    column: str = "accuracy",
) -> Figure:
    """Accuracy over time for each value of the parameter (A, a panel for each category), its peak (B), and when (C).

    Args:
        table: of an experiment, as `analysis.process.aggregate` makes it.
        about: what the table does not say.
        feedforward: the table of the same experiment without recurrence, skip and feedback; drawn dashed.
        column: what is drawn: accuracy, top3_accuracy, first_label_confidence and so on.

    Raises:
        BadInput: for tests of several models or states, or a column that is missing.
    """
    tests = Experiment.of(table, about)
    twins = None
    if feedforward is not None:  # in the colours and the order of the others
        twins = replace(Experiment.of(feedforward, about), categories=tests.categories, values=tests.values)
    across = min(_ACROSS, len(tests.categories))
    rows = math.ceil(len(tests.categories) / across)
    spans = [tests.at(parameter_value=value).stimulus() for value in tests.values]
    where = "shaded" if panels.is_same(spans) else "bars on top"
    heads = about.title, f"{tests.interval_text(column)}; {where}: stimulus"
    figure = style.new(style.WIDE, 0.6 + 1.75 * rows + 2.2, *heads)
    halves = figure.add_gridspec(2, 1, height_ratios=[1.75 * rows, 2.2])
    upper, lower = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
    grid = upper.subplots(rows, across, sharex=True, sharey=True, squeeze=False)
    _courses(list(grid.flat), tests, twins, column, spans)
    style.label_outer(list(grid.flat), len(tests.categories), across)
    entries = [
        Line2D([], [], color=shade, label=tests.value_text(value))
        for value, shade in zip(tests.values, style.shades(len(tests.values)), strict=True)
    ]
    upper.legend(handles=entries, loc="outside right center", title=tests.parameter_name)
    hollow: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "color": style.GREY}
    dashes = [Line2D([], [], linestyle=style.DASHED, label="feedforward only (mean)", **hollow)] if twins else []
    panels_below = lower.subplots(1, 2)
    _summary(panels_below, tests, column, dashed=False)
    if twins:
        _summary(panels_below, twins, column, dashed=True)
    for number, axes in enumerate(panels_below):
        style.letter(axes, number + 1)
    style.legend(figure, panels.category_lines(tests) + dashes, tests.category_name)
    return figure


def _courses(
    grid: Sequence[Axes],
    tests: Experiment,
    twins: Experiment | None,
    column: str,
    spans: Sequence[panels.Intervals],
) -> None:
    course = tests.course(column)
    twin = None if twins is None else twins.course(column)
    colours = style.shades(len(tests.values))
    for axes, category in zip(grid, tests.categories, strict=False):
        for value, colour in zip(tests.values, colours, strict=True):
            chosen = (pl.col("category_value") == category) & (pl.col("parameter_value") == value)
            panels.curve(axes, course.filter(chosen), {"color": colour, "linewidth": 1.0})
            if twin is not None:
                look = {"color": colour, "linestyle": style.DASHED, "linewidth": 0.9}
                panels.curve(axes, twin.filter(chosen), look, with_band=False)
        panels.fraction_axis(axes, [course] if twin is None else [course, twin], panels.chance(tests.about))
        panels.mark_stimulus(axes, spans, colours)
        panels.time_axis(axes, tests)
        axes.set_ylabel(tests.about.label(column))
        if len(tests.categories) > 1:
            axes.set_title(tests.category_text(category))
    style.letter(grid[0], 0)


def _summary(two: tuple[Axes, Axes], tests: Experiment, column: str, *, dashed: bool) -> None:
    heights, times = performance(tests.table, column, [*BY, "dt"], tests.about.error)
    panels.against(two[0], tests, tests.placed(heights), f"peak {tests.about.label(column)}", dashed=dashed)
    panels.against(two[1], tests, tests.placed(times), "time of the peak (ms)", dashed=dashed)

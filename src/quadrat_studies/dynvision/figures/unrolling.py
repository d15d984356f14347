"""Engineering time and biological time: when each layer first responds to a stimulus."""

from __future__ import annotations

from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ..analysis.measures import onset_time
from ..analysis.process import RESPONSE
from . import panels, style
from .experiment import Experiment
from .words import PLAIN, About

ACROSS = 4
"""Values of the category that are shown, at most."""


@style.styled
def draw_unrolling(table: pl.DataFrame, about: About = PLAIN) -> Figure:
    """Responses of all layers over time, a panel for each value of the category, and the onsets of all of them.

    Without a feedforward delay (engineering time) a stimulus reaches all layers in the same step; with one of a step or
    more (biological time) each layer follows the one before. Shown at the middle value of the parameter; onsets are
    those of the mean response (`analysis.measures.onset_time`), marked by triangles.

    Args:
        table: of an experiment, as `analysis.process.aggregate` makes it, best with the category "tff".
        about: what the table does not say.

    Raises:
        BadInput: for tests of several models or states, a column that is missing, or no responses.
    """
    whole = Experiment.of(table, about)
    tests = whole.at(parameter_value=whole.middle)
    value = f"{tests.parameter_name} {tests.value_text(tests.middle)}; " if len(tests.values) > 1 else ""
    column = f"{tests.require_layer()}{RESPONSE}"
    shown = tests.categories[:ACROSS]
    some = f"; {len(shown)} of {len(tests.categories)} values" if len(shown) < len(tests.categories) else ""
    marks = "shaded: stimulus; triangles: onset, half-way up to the peak"
    head = f"{value}{tests.interval_text(column)}; {marks}{some}"
    height = min(1.3 + 0.42 * max(3, len(tests.layers)), style.TALL)
    figure = style.new(style.WIDE, height, about.title, head)
    *grid, last = figure.subplots(1, len(shown) + 1, squeeze=False)[0]
    courses = tests.layer_courses()
    rows = panels.layer_ridges(tests, courses, tests.middle)
    for number, (axes, category) in enumerate(zip(grid, shown, strict=True)):
        own = [row._replace(course=row.course.filter(pl.col("category_value") == category)) for row in rows]
        panels.ridges(axes, own, tests)
        onsets = [_onset(row.course) for row in own]
        mark: dict[str, Any] = {"marker": "v", "markersize": 4.5, "linestyle": "none", "zorder": 5}
        axes.plot(onsets, [0.1 - place for place in range(len(own))], color=style.INK, **mark)
        panels.time_axis(axes, tests)
        axes.set_title(tests.category_text(category))
        last.plot(onsets, [-place for place in range(len(own))], **style.series(number))
        axes.tick_params(labelleft=not number)
        style.letter(axes, number)
    grid[0].set_ylabel("response (a.u.)")
    panels.scale_bars(grid[-1], rows)
    last.set_yticks([-place for place in range(len(rows))], tests.layers)
    last.set(xlabel="onset (ms)", ylabel="layer")
    last.set_xlim(left=0)
    style.few_ticks(last.xaxis)
    style.letter(last, len(shown))
    style.legend(figure, panels.category_lines(tests)[: len(shown)], tests.category_name)
    return figure


def _onset(course: pl.DataFrame) -> float:
    """The onset of the mean response (`time`, `mean`), ms; NaN of none."""
    known = course.drop_nulls("mean").sort("time")
    if known.is_empty():
        return float("nan")
    return float(known["time"][int(onset_time(known["mean"].to_numpy()))])

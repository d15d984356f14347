"""Up to three comparisons of models side by side: how they learn, and how they respond."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
from matplotlib.figure import Figure, SubFigure

from quadrat import BadInput

from . import panels, style
from .experiment import Experiment
from .training import KEY, draw_quantity, with_category
from .words import PLAIN, About

MOST = 3


class Wing(NamedTuple):
    """One of the comparisons.

    Attributes:
        tests: the table of an experiment, as `analysis.process.aggregate` makes it.
        history: of the trainings, as of `training.draw_training`, or None.
    """

    tests: pl.DataFrame
    history: pl.DataFrame | None = None


@style.styled
def draw_triptych(wings: Sequence[Wing], about: About = PLAIN) -> Figure:
    """For each comparison accuracy in training, accuracy over time, and responses, at the middle of the parameter.

    Args:
        wings: up to three; the layers of all stand below each other.
        about: what the tables do not say.

    Raises:
        BadInput: for none or more than three, tests of several models or states, or a column that is missing.
    """
    if not 1 <= len(wings) <= MOST:
        raise BadInput(f"{len(wings)} comparisons side by side: 1 to {MOST} can be shown")
    all_tests = [Experiment.of(wing.tests, about) for wing in wings]
    layers = max(len(tests.layers) for tests in all_tests)
    has_history = any(wing.history is not None for wing in wings)
    head = f"{all_tests[0].interval_text('accuracy')}; shaded: stimulus{f'; {KEY}' if has_history else ''}"
    size = style.WIDE * len(wings) / MOST if len(wings) > 1 else 3.5
    figure = style.new(size, min(2.9 + 0.45 * layers + 1.4 * has_history, style.TALL), about.title, head)
    parts = figure.subfigures(1, len(wings), squeeze=False)[0]
    for number, (part, wing, tests) in enumerate(zip(parts, wings, all_tests, strict=True)):
        _wing(part, wing, tests, number, 1.4 * has_history)
        keys = panels.category_lines(tests, with_markers=False)
        style.legend(part, keys, tests.category_name, width=style.WIDE / MOST)
    return figure


def _wing(part: SubFigure, wing: Wing, tests: Experiment, number: int, history: float) -> None:
    heights = [*([history] if history else []), 1.2, max(0.8, 0.45 * len(tests.layers))]
    *above, answers, responses = part.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes in above:
        if wing.history is None:
            style.say(axes, "no training")
        else:
            draw_quantity(axes, with_category(wing.history), "acc", tests.categories, tests.about)
            axes.set_ylabel("training accuracy\n(fraction)")
    value = tests.middle
    course = tests.course("accuracy")
    panels.shade(answers, tests.at(parameter_value=value).stimulus())
    panels.over_time(answers, tests, course, value)
    panels.fraction_axis(answers, [course], panels.chance(tests.about))
    panels.time_axis(answers, tests)
    answers.set_ylabel("test accuracy\n(fraction)")
    answers.set_title(f"{tests.parameter_name} {tests.value_text(value)}")
    rows = panels.layer_ridges(tests, tests.layer_courses(), value)
    panels.ridges(responses, rows, tests)
    panels.scale_bars(responses, rows)
    panels.time_axis(responses, tests)
    responses.set_ylabel("response (a.u.)")
    style.letter((above or [answers])[0], number)
    part.align_ylabels()

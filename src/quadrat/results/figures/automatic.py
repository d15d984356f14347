"""Figures that reports and notebooks draw by themselves: metrics against what varies, what was logged against steps."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quadrat.core.errors import BadInput
from quadrat.results.columns import free
from quadrat.results.curves import Curves, curves, seeds_of
from quadrat.results.figures import lines, ranks, style
from quadrat.results.figures.charting import Chart, chart
from quadrat.results.human import exact
from quadrat.results.ranking import ranking
from quadrat.results.table import Table
from quadrat.results.telling import apart, texts

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

_MOST = 6
_SERIES = 8
"""So many configurations at most have learning curves in one figure."""
_NUMBERS = 4000
"""So many means a figure of learning curves has at most, evenly over the steps; a series half of them at most."""


@dataclass(frozen=True)
class Graph:
    """A figure: what it shows in words, an SVG as a data address, and the same as a chart where it is one of lines."""

    label: str
    address: str
    chart: Chart | None = None


def graphs(made: Table, most: int = _MOST) -> list[Graph]:
    """The metrics of a task's own, against one or two axes that vary; configurations in order where more do."""
    own = [name for name in made.metrics if name not in made.units and made.rows.schema[name].is_float()]
    away = seeds_of(made, ())
    varying = sorted(
        made.varying(*away), key=lambda n: (not made.rows.schema[n].is_numeric(), -made.rows[n].n_unique())
    )
    found = []
    for name in own[:most] if varying else ():
        try:
            if len(varying) <= 2:
                found.append(_lines(curves(made, varying[0], name, *varying[1:])))
            else:
                found.append(Graph(f"configurations by {name}", _picture(ranks.draw(ranking(made, name)))))
        except BadInput:
            continue
    return found


def learning(made: Table, logged: Callable[[Table], Table], most: int = _MOST) -> tuple[list[Graph], str]:
    """What the runs of a task logged, against steps: means over seeds, a series for each configuration.

    Args:
        made: the table of the task.
        logged: the points that the runs of a table logged (`quadrat.results.logged.with_steps`).
        most: so many names at most.

    Returns:
        The figures, none where nothing was logged; and what a reader has to know where none are drawn for another
        reason, else an empty text.
    """
    away = seeds_of(made, ())
    varying = made.varying(*away)
    count = len(made.rows.select(varying).unique()) if varying else 1
    try:
        logged(made.with_rows(made.rows.head(1)))  # does this task log at all?
        if count > _SERIES:
            hint = f"quadrat plot {made.study} {made.task} -x step -y NAME --hue {varying[0]}"
            return [], f"learning curves of {count:,} configurations are too many for one figure: {hint}"
        steps = logged(_told_apart(made, varying))
    except BadInput:
        return [], ""
    step, hue = steps.params[-1], [*steps.labels[-1:]] if varying else []
    found = []
    for name in [one for one in steps.metrics if one not in steps.marks][:most]:
        part = steps.with_rows(_thinned(steps, step, name, count))
        if part.rows[step].n_unique() < 2:
            continue
        try:
            found.append(_lines(curves(part, step, name, *hue)))
        except BadInput:  # no run counts
            continue
    return found, ""


def _told_apart(made: Table, varying: Sequence[str]) -> Table:
    """The table with one last label in place of all that varies; labels of its own set no runs apart."""
    import polars as pl

    loose = (*made.loose, *made.labels, *varying)
    if not varying:
        return replace(made, loose=loose)
    each = made.rows.select(varying).unique(maintain_order=True)
    names = apart(each, varying)
    label = free(", ".join(names), made.rows.columns)
    named = [exact(value) for value in each[names[0]]] if len(names) == 1 else texts(each, names)
    rows = made.rows.join(
        each.with_columns(pl.Series(label, named)), on=varying, nulls_equal=True, maintain_order="left"
    )
    return replace(made, rows=rows, labels=(*made.labels, label), loose=loose)


def _thinned(steps: Table, step: str, name: str, count: int) -> pl.DataFrame:
    """The rows that have a value, of evenly chosen steps where there are many."""
    import polars as pl

    rows = steps.rows.filter(pl.col(name).is_not_null())
    every = rows[step].unique().sort()
    most = min(_NUMBERS // count, _NUMBERS // 2)
    if len(every) <= most:
        return rows
    chosen = [round(at * (len(every) - 1) / (most - 1)) for at in range(most)]
    return rows.filter(pl.col(step).is_in(every.gather(chosen).implode()))


def _lines(drawn: Curves) -> Graph:
    """A metric against an axis, as an image and as a chart."""
    label = f"{drawn.y} against {drawn.x}"
    return Graph(label, _picture(lines.draw(drawn)), chart(drawn, label))


def _picture(figure: Figure) -> str:
    """A figure as a data address."""
    picture = io.BytesIO()
    with style.settings():
        figure.savefig(picture, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode()}"

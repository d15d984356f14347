"""The tidy table of a task: a query over the current plan, or (`all=True`) over all that the store holds of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from quadrat.core.errors import BadInput, unknown
from quadrat.querying.planned import planned
from quadrat.querying.stored import stored
from quadrat.results.aggregate import over
from quadrat.results.table import RUN, Table
from quadrat.results.tidy import Tidy
from quadrat.session import Session, selection

if TYPE_CHECKING:
    import polars as pl

    from quadrat.plan.plan import Plan


def table(
    session: Session,
    task: str,
    *,
    all: bool = False,  # noqa: A002
    where: Sequence[str] = (),
    plan: Plan | None = None,
    also: Collection[str] = (),
) -> Table:
    """The tidy table of a task: one row per finished run (and label), with the parameters and metrics of its chain.

    Args:
        session: the study, its store and the request whose plan is meant.
        task: the name of a task.
        all: every finished run of the store in place of those of the plan; labels are not known there.
        where: selections of rows, on any column: "seed=1,2", "dropout_prob>=0.1", "test_acc>0.9".
        plan: the plan of the request, where it is there already.
        also: runs of the plan that are in the table though they are not finished; they have no metrics.

    Raises:
        BadInput: for a task or a name that does not exist, or a selection that no run passes.
    """
    if task not in session.study.tasks:
        raise unknown("task", task, list(session.study.tasks))
    made = stored(session, task) if all else planned(session, task, plan)
    return finished(_selected(session, made, where), also)


def frame(session: Session, task: str, *, all: bool = False, where: Sequence[str] = ()) -> pl.DataFrame:  # noqa: A002
    """The same as `table`, as a plain Polars frame."""
    return table(session, task, all=all, where=where).frame


def averaged(made: Table, names: Sequence[str], *, include_invalid: bool = False) -> pl.DataFrame:
    """The mean of every metric over some parameters or labels; see `quadrat.results.aggregate.over` for its columns.

    Args:
        made: the table.
        names: parameters or labels, such as "seed"; a tree stands for all its leaves.
        include_invalid: average runs too of which a metric (`qd.valid()`) says that they do not count.

    Raises:
        BadInput: for a name that is none of the table's axes.
    """
    away = [column for name in names for column in made.columns(name, made.axes, where=f"--over {name}")]
    marks = () if include_invalid else made.marks
    return over(made.rows, away, made.metrics, made.units, marks, made.loose)


def sql(session: Session, query: str, *, all: bool = False) -> pl.DataFrame:  # noqa: A002
    """Answer an SQL query; every task of the study is a table, made only where the query names it.

    Raises:
        BadInput: for a query that is no SQL, or a table or column that does not exist.
    """
    from quadrat.results.sql import answer

    return answer(query, list(session.study.tasks), lambda task: frame(session, task, all=all))


def _selected(session: Session, tidy: Tidy, where: Sequence[str]) -> Table:
    """The rows that pass every selection."""
    import polars as pl

    made = tidy.table()
    for text in where:
        name, test, _ = selection(session.names, text)
        column = made.column(name, where=f"--where {text}")
        values = made.rows[column].unique().to_list()
        passing = [value for value in values if test(_parsed(value, text))]
        kept = made.rows.filter(pl.col(column).is_in(passing, nulls_equal=True))
        made = made.with_rows(kept)
    if where and not len(made.rows):
        raise BadInput(f"no run of '{made.task}' passes {' and '.join(where)}")
    return made


def _parsed(value: Any, text: str) -> Any:
    """A cell as the value that it stands for: lists are kept as JSON."""
    if isinstance(value, str) and value.startswith("[") and "[" in text:
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value


def finished(made: Table, also: Collection[str] = ()) -> Table:
    """The finished runs of a table with the hidden column `@done`, and some others; with a note on how many are not."""
    import polars as pl

    if also:
        made = made.with_rows(made.rows.with_columns(pl.col("@done") | pl.col(RUN).is_in(list(also))))
    missing = made.rows.filter(~pl.col("@done"))["run"].n_unique()
    planned = made.rows["run"].n_unique()
    notes = list(made.notes)
    if missing:
        notes.insert(0, f"{missing:,} of {planned:,} runs of '{made.task}' are not finished, and left out")
    rows = made.rows.filter(pl.col("@done")).drop("@done")
    return replace(made, rows=rows, planned=planned, missing=missing, notes=tuple(notes))

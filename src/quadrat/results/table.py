"""A tidy table of the runs of one task: one row per run, with what its columns are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from quadrat.core.errors import BadInput, unknown

if TYPE_CHECKING:
    import polars as pl

RUN = "run"
HIDDEN = "@"
"""Columns that begin so are no part of the table: `@train` says which run of `train` a row stands on."""


@dataclass(frozen=True)
class Unit:
    """What an upstream's runs are in a table: the hidden column that tells them apart, and the axes they depend on."""

    column: str
    axes: frozenset[str]


@dataclass(frozen=True)
class Table:
    """A tidy table.

    Attributes:
        study, task: what it is of.
        rows: the frame with its hidden columns: `run`, labels, parameters, metrics, `@<task>`.
        labels, params, metrics: which columns are which.
        full: the full name of each parameter and metric ("train.seed", "train.test_acc") by its column.
        inner: the columns that are leaves of trees.
        choices: the parameters that say which variant a tree is of.
        loose: the parameters that change no result: they set no runs apart in averages.
        units: for each metric of an upstream what its runs are.
        marks: the metrics that say whether the numbers of a run count.
        texts: what a column means, by its column, as its author described it.
        planned: how many runs the plan has (the store, for a table of the whole store).
        missing: how many of them are not finished, and left out.
        notes: what a reader has to know, a line each.
    """

    study: str
    task: str
    rows: pl.DataFrame
    labels: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    full: Mapping[str, str] = field(default_factory=dict)
    inner: frozenset[str] = frozenset()
    choices: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    units: Mapping[str, Unit] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    planned: int = 0
    missing: int = 0
    notes: tuple[str, ...] = ()

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The table: `run`, labels, parameters, metrics."""
        return self.rows.select([name for name in self.rows.columns if not name.startswith(HIDDEN)])

    @property
    def axes(self) -> tuple[str, ...]:
        """Labels and parameters: what can be grouped by."""
        return (*self.labels, *self.params)

    def varying(self, *without: str) -> list[str]:
        """The parameters with several values, but for some; those that change no result are left out."""
        left_out = {*without, *self.loose}
        return [name for name in self.params if name not in left_out and self.rows[name].n_unique() > 1]

    def with_rows(self, rows: pl.DataFrame) -> Table:
        """The same table with other rows."""
        return replace(self, rows=rows)

    def columns(self, name: str, among: Sequence[str] | None = None, *, where: str | None = None) -> list[str]:
        """The columns that a name stands for: one, or all leaves of a tree.

        Args:
            name: a column, a full name, a dotted suffix of either, or the name of a tree. A bare name that one column
                has goes before leaves of trees that have it too.
            among: the columns to look at; all where it is not said.
            where: where the name was written, for the error.

        Raises:
            BadInput: for a name that nothing or more than one thing has.
        """
        known = list(self.frame.columns if among is None else among)
        if name in known:
            return [name]
        exact = [column for column in known if self.full.get(column, column) == name]
        ends = exact or [
            column
            for column in known
            if any(one.endswith(f".{name}") for one in (column, self.full.get(column, column)))
        ]
        whole = [column for column in ends if column not in self.inner]
        if "." not in name and len(whole) == 1:
            return whole
        if len(ends) == 1:
            return ends
        if ends:
            raise BadInput(f"'{name}' is ambiguous", where=where, hint=f"write one of: {', '.join(sorted(ends))}")
        tree = [
            column
            for column in known
            if any(f".{name}." in f".{one}" for one in (column, self.full.get(column, column)))
        ]
        if tree:
            return tree
        raise unknown(f"column of '{self.task}'", name, known, where=where)

    def column(self, name: str, among: Sequence[str] | None = None, *, where: str | None = None) -> str:
        """The one column that a name stands for.

        Raises:
            BadInput: for a name that nothing or more than one thing has, or a tree.
        """
        found = self.columns(name, among, where=where)
        if len(found) > 1:
            raise BadInput(f"'{name}' is a tree", where=where, hint=f"write one of: {', '.join(found)}")
        return found[0]

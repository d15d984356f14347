"""Relations as columns of small integers, and their natural join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int32]
Index = NDArray[np.int64]


@dataclass
class Relation:
    """Rows as columns of codes; -1 is null.

    Columns are called `p:<parameter>`, `l:<label>`, `#<tie>`, `@<task>` (which run of it), `%<argument>` (which
    group) or `$own` (which own point).
    """

    size: int
    columns: dict[str, Column]

    def take(self, rows: Index | NDArray[np.bool_]) -> Relation:
        """The relation of some of its rows."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        size = int(np.count_nonzero(rows)) if rows.dtype == np.bool_ else len(rows)
        return Relation(size, columns)


def combine(columns: Sequence[Column], size: int) -> Index:
    """One number for each row, equal where all columns are equal."""
    key = np.zeros(size, np.int64)
    span = 1
    for column in columns:
        width = int(column.max(initial=-1)) + 2
        if span > (1 << 62) // max(width, 1):
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
            span = int(key.max(initial=0)) + 1
        key = key * width + (column.astype(np.int64) + 1)
        span *= width
    return key


def match(left: Sequence[Column], right: Sequence[Column], sizes: tuple[int, int]) -> tuple[Index, Index]:
    """The pairs of rows that agree in all columns (all pairs where there are none); left order, then right order."""
    if not left:
        return (
            np.repeat(np.arange(sizes[0], dtype=np.int64), sizes[1]),
            np.tile(np.arange(sizes[1], dtype=np.int64), sizes[0]),
        )
    both = combine([np.concatenate(pair) for pair in zip(left, right, strict=True)], sum(sizes))
    key_left, key_right = both[: sizes[0]], both[sizes[0] :]
    order = np.argsort(key_right, kind="stable")
    ordered = key_right[order]
    low = np.searchsorted(ordered, key_left, side="left")
    count = np.searchsorted(ordered, key_left, side="right") - low
    rows_left = np.repeat(np.arange(sizes[0], dtype=np.int64), count)
    starts = np.repeat(low - (np.cumsum(count) - count), count)
    rows_right = order[starts + np.arange(len(rows_left), dtype=np.int64)]
    return rows_left, rows_right


def merge(left: Relation, right: Relation, rows: tuple[Index, Index]) -> Relation:
    """The joined relation of matched rows."""
    columns = {name: column[rows[0]] for name, column in left.columns.items()}
    for name, column in right.columns.items():
        if name not in columns:
            columns[name] = column[rows[1]]
    return Relation(len(rows[0]), columns)


def stack(parts: Sequence[Relation], order: Index) -> Relation:
    """Relations one below the other, then put in order; columns that one lacks are null in it."""
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    columns: dict[str, Column] = {}
    for name in names:
        pieces = [part.columns.get(name, np.full(part.size, -1, np.int32)) for part in parts]
        columns[name] = np.concatenate(pieces)[order]
    return Relation(sum(part.size for part in parts), columns)


def first_seen(key: Index) -> tuple[Index, Index]:
    """For each distinct key its first row, in the order of rows; and for each row the place of its key there."""
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    order = np.argsort(first, kind="stable")
    rank[order] = np.arange(len(first))
    return first[order], rank[inverse]


@dataclass
class Groups:
    """Groups of runs: members of group g are `members[starts[g]:starts[g + 1]]`, in the order of the plan.

    Of a gather that goes on without members that failed, `dropped` counts for each group how many it lacks.
    """

    starts: Index
    members: NDArray[np.int32]
    ids: list[bytes]
    values: list[Mapping[str, object]]
    dropped: Index

    def of(self, group: int) -> NDArray[np.int32]:
        """The members of one group."""
        return self.members[self.starts[group] : self.starts[group + 1]]

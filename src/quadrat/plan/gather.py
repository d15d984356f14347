"""Gathers: the rows of a task in groups, over some parameters or by some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.identity import gather_id
from quadrat.core.markers import By, Over
from quadrat.core.trees import Path, flatten
from quadrat.plan.relation import Column, Groups, Index, Relation, combine, first_seen
from quadrat.plan.tables import Tables, TaskRows

Keys = dict[str, Column]


def gather(
    tables: Tables,
    constants: Mapping[str, Any],
    made: TaskRows,
    mark: Over | By,
    argument: str,
    dead: NDArray[np.bool_] | None = None,
) -> tuple[Relation, Groups]:
    """Group the rows of a task.

    Args:
        tables: what the rows know.
        constants: names that have one value in all rows (the study's settings).
        made: the rows.
        mark: over some parameters (each group agrees in everything else that enters ids), or by some parameters and
            labels.
        argument: the name of the argument that takes the groups.
        dead: the runs that will not be finished, and are left out where something is left without them.

    Returns:
        A row for each group, with the columns that all its members agree in; and the groups.

    Raises:
        BadInput: for a name that the rows do not know.
    """
    is_over = isinstance(mark, Over)
    keys = _over_keys(tables, made, mark.names) if is_over else _by_keys(tables, constants, made, mark.names)
    loose = {name: keys.pop(name) for name in list(keys) if is_over and tables.off_id(name.removeprefix("p:"))}
    group_first, group_of = first_seen(combine(list(keys.values()), made.rows.size))
    # What changes no result sets no groups apart; a group knows it all the same where its members agree.
    keys |= {name: column for name, column in loose.items() if np.array_equal(column[group_first][group_of], column)}
    starts, members = _members(made, group_of, len(group_first))
    dropped = np.zeros(len(group_first), np.int64)
    if dead is not None and dead.any():
        sizes = np.diff(starts)
        alive = ~dead[members]
        kept = np.add.reduceat(alive.astype(np.int64), starts[:-1])
        alive |= np.repeat(kept == 0, sizes)  # a group of which nothing is left waits for all of it
        kept = np.where(kept == 0, sizes, kept)
        dropped = sizes - kept
        members = members[alive]
        starts = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    columns = {name: column[group_first] for name, column in keys.items() if name.startswith(("p:", "l:"))}
    if is_over:
        for name, column in made.rows.columns.items():
            if name.startswith("@") and not _varies(tables, name[1:], made, keys):
                columns[name] = column[group_first]
    columns[f"%{argument}"] = np.arange(len(group_first), dtype=np.int32)
    values = _values(tables, constants, keys, group_first)
    ids = [
        gather_id([made.ids[member] for member in members[starts[place] : starts[place + 1]]], {} if is_over else group)
        for place, group in enumerate(values)
    ]
    return Relation(len(group_first), columns), Groups(starts, members, ids, values, dropped)


def _members(made: TaskRows, group_of: Index, count: int) -> tuple[Index, Column]:
    """Where each group starts among the members, and the members: the runs of its rows, each once."""
    run = made.rows.columns[f"@{made.task.name}"]
    _, first = np.unique(group_of * (made.size + 1) + run, return_index=True)
    first.sort()
    order = first[np.argsort(group_of[first], kind="stable")]
    counts = np.bincount(group_of[order], minlength=count)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), run[order]


def _over_keys(tables: Tables, made: TaskRows, names: Sequence[str]) -> Keys:
    """Everything that the rows know, but the names (parameters, fields inside them, or labels)."""
    chain = tables.available(made.rows)
    away: dict[str, list[Path]] = {}
    labels = {name for name in names if f"l:{name}" in made.rows.columns}
    for name in names:
        if name not in labels:
            found = tables.in_chain(name, chain, made.task)
            key = found.full if found.full in chain else found.param.key
            away.setdefault(key, []).append(() if key == found.full else found.path)
    keys: Keys = {}
    for key in chain:
        if key not in away:
            keys[f"p:{key}"] = tables.column(made.rows, key)
        elif () not in away[key]:
            for path in _leaf_paths(tables, key, tables.column(made.rows, key)):
                if not any(path[: len(one)] == one for one in away[key]):
                    keys[f"p:{'.'.join((key, *path))}"] = tables.column(made.rows, key, path=path)
    kept = {
        name: column for name, column in made.rows.columns.items() if name.startswith("l:") and name[2:] not in labels
    }
    return keys | kept


def _leaf_paths(tables: Tables, key: str, codes: Column) -> list[Path]:
    """The ways to all leaves that a parameter's values have."""
    values = tables.domains.values(key, np.unique(codes))
    names = dict.fromkeys(name for value in values for name in flatten(value, ""))
    return [tuple(name.split(".")[1:]) for name in names]


def _by_keys(tables: Tables, constants: Mapping[str, Any], made: TaskRows, names: Sequence[str]) -> Keys:
    """The names, each a label, a parameter (or a field inside one), or a setting."""
    chain = tables.available(made.rows)
    keys: Keys = {}
    for name in names:
        if f"l:{name}" in made.rows.columns:
            keys[f"l:{name}"] = made.rows.columns[f"l:{name}"]
        elif name in constants and not tables.matches(name, chain):
            keys[f"c:{name}"] = np.zeros(made.rows.size, np.int32)
        else:
            found = tables.in_chain(name, chain, made.task)
            keys[f"p:{found.full}"] = tables.column(made.rows, found.param.key, path=found.path)
    return keys


def _varies(tables: Tables, task: str, made: TaskRows, keys: Keys) -> bool:
    """Whether runs of an ancestor may differ inside a group: its chain has a parameter that is no key."""
    chain = tables.available(tables.done[task].rows)
    return task == made.task.name or any(f"p:{key}" not in keys for key in chain)


def _values(tables: Tables, constants: Mapping[str, Any], keys: Keys, first: Index) -> list[Mapping[str, object]]:
    """For each group the values that it was made by."""
    columns: dict[str, list[Any]] = {}
    for name, column in keys.items():
        kind, _, key = name.partition(":")
        if kind == "c":
            columns[key] = [constants[key]] * len(first)
        else:
            columns[key] = (tables.labels if kind == "l" else tables.domains).values(key, column[first])
    if not columns:
        return [{} for _ in first]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

"""The table of everything that a store holds of a task, whatever the current plan is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from quadrat.core.names import Names
from quadrat.querying.chain import Read, add_metrics, chain_tasks, describe, read_chain
from quadrat.results.reading import mixing_note, task_rows
from quadrat.results.tidy import Tidy, Upstream
from quadrat.session import Session

Rows = NDArray[np.int64]


def stored(session: Session, task: str) -> Tidy:
    """The table of all finished runs of a task, the oldest first.

    A parameter that a run did not have yet is null in its row. Where the runs are of several versions of the task, a
    column `version` says which.
    """
    store = session.store
    if store.exists:
        store.refresh()
    index = store.index
    rows = task_rows(index, session.study.name, task)
    rows = rows[np.argsort(index.light["started"][rows], kind="stable")]
    ids = index.ids()
    tidy = Tidy(session.study.name, task, [ids[row] for row in rows.tolist()])
    describe(tidy, session.names)
    read = _read(session, task, rows)
    for name in chain_tasks(session.study, task):
        if name in read:
            keys = frozenset(_params(session.names, read[name]))
            add_metrics(tidy, read[name], None if name == task else Upstream(read[name].place, keys))
    own = read[task]
    for key, values in _params(session.names, own).items():
        tidy.param(key, *_coded(values))
    if len(own.runs.versions) > 1:
        tidy.param("version", *_coded(own.spread(own.runs.version)))
    note = mixing_note({name: one.runs for name, one in read.items()}, store.environment)
    if note:
        tidy.notes.append(note)
    return tidy


def _read(session: Session, task: str, rows: Rows) -> dict[str, Read]:
    """The runs of every task of the chain, found by the ids of upstreams that the records name."""
    finished = session.store.index.finished(frozenset(), {})
    read = {task: read_chain(session, task, rows, records=True)}
    rest = [task]
    while rest:
        one = read[rest.pop(0)]
        for link in one.task.inputs:
            if link.many or link.name in read:
                continue
            named = [record["inputs"].get(link.name) for record in one.runs.records]
            wanted = list(dict.fromkeys(id for id in named if isinstance(id, str)))
            places = dict(zip(wanted, finished.find([bytes.fromhex(id) for id in wanted]).tolist(), strict=True))
            above = [places.get(id, -1) if isinstance(id, str) else -1 for id in named]
            found = np.array([*above, -1], np.int64)[one.place]
            read[link.name] = read_chain(session, link.name, found, records=True)
            rest.append(link.name)
    return read


def _params(names: Names, own: Read) -> dict[str, list[Any]]:
    """The values of every parameter of the chain by full name, one for each row."""
    task = own.task.name
    keys = {field: names.own(task, field).key for field in own.task.fields}
    known = {param.key for param in names}
    chain = dict.fromkeys(key for record in own.runs.records for key in record["chain"])
    fields = dict.fromkeys(field for record in own.runs.records for field in record["params"])
    found: dict[str, list[Any]] = {}
    for key in chain:
        found[key] = own.spread([record["chain"].get(key) for record in own.runs.records])
    for field in fields:
        key = keys.get(field, f"{task}.{field}")
        found[key] = own.spread([record["params"].get(field) for record in own.runs.records])
    order = [param.key for param in names if param.key in found]
    return {key: found[key] for key in [*order, *(key for key in found if key not in known)]}


def _coded(values: Sequence[Any]) -> tuple[list[Any], NDArray[np.int32]]:
    """The distinct values, and the place of each value among them (-1 for None)."""
    table: list[Any] = []
    seen: dict[tuple[type, Any], int] = {}
    codes: list[int] = []
    for value in values:
        if value is None:
            codes.append(-1)
            continue
        key = (type(value), orjson.dumps(value) if isinstance(value, Mapping | list) else value)
        if key not in seen:
            seen[key] = len(table)
            table.append(value)
        codes.append(seen[key])
    return table, np.array(codes, np.int32)

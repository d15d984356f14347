"""Finished runs as tasks see them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

from quadrat.core.errors import RunFailed
from quadrat.core.names import Names
from quadrat.core.result import Done, File
from quadrat.core.study import Study
from quadrat.execution.base import Ref
from quadrat.store.layout import Layout
from quadrat.store.record import Record

CACHE = 4096


class Reader:
    """Reads finished runs, and keeps those that it has read.

    Args:
        study: whose types they get.
        layout: of the store that they are in.
    """

    def __init__(self, study: Study, layout: Layout) -> None:
        self._study = study
        self._names = Names(study)
        self._layout = layout
        self._known: OrderedDict[Ref, tuple[Record, Done[Any, Any]]] = OrderedDict()

    def read(self, ref: Ref) -> tuple[Record, Done[Any, Any]]:
        """A finished run, as record and as a task sees it: a task may change the mappings that it gets.

        Raises:
            RunFailed: where it is gone or cannot be read.
        """
        found = self._known.get(ref)
        if found is None:
            found = self._load(ref)
            self._known[ref] = found
            if len(self._known) > CACHE:
                self._known.popitem(last=False)
        record, done = found
        if isinstance(done.result, dict) or isinstance(done.params, dict):
            done = replace(done, params=_own(done.params), result=_own(done.result))
        return record, done

    def _load(self, ref: Ref) -> tuple[Record, Done[Any, Any]]:
        folder = self._layout.run(*ref)
        try:
            record = Record.load(folder)
        except (OSError, ValueError, TypeError) as error:
            raise RunFailed(
                f"run {ref[0][:12]}, which this one reads, cannot be read any more ({type(error).__name__})",
                where=str(folder),
                hint="the same command again makes it anew; `quadrat verify` shows what else is damaged",
            ) from None
        return record, done_run(self._study, self._names, self._layout, record)


def done_run(study: Study, names: Names, layout: Layout, record: Record) -> Done[Any, Any]:
    """A finished run with its typed params and result, from its record."""
    task = study.tasks.get(record.task)
    folder = layout.run(record.id, record.attempt)
    files = {name: folder / artifact.path for name, artifact in record.artifacts.items()}
    if task is None:
        return Done(record.id, record.params, {**record.scalars, **files}, record.chain)
    point = task.point(record.params)
    own = {names.own(task.name, name).key: value for name, value in point.values().items()}
    wanted = task.signature.result
    values = {**record.scalars, **{name: task.artifacts.get(name, File)(path) for name, path in files.items()}}
    result = wanted(**values) if wanted else values
    params = point.models[0] if len(point.models) == 1 else point.values()
    return Done(record.id, params, result, {**record.chain, **own})


def _own(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value

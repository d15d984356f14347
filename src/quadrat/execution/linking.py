"""Links artifacts of finished runs under their readable names."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

import numpy as np

from quadrat.execution.graph import Key
from quadrat.plan.plan import Plan
from quadrat.store.record import RUN_FILE, Record
from quadrat.store.store import Store
from quadrat.store.views import NamedView, link


class Linker:
    """Links the artifacts of a plan's runs.

    Args:
        plan: the plan.
        store: the store.
        named: for each task its views.
    """

    def __init__(self, plan: Plan, store: Store, named: Mapping[str, Sequence[NamedView]]) -> None:
        self._plan = plan
        self._store = store
        self._named = named
        self._linked: dict[str, str] = {}

    @property
    def made(self) -> list[str]:
        """The names that there are links for; those that templates gave many are counted by folder."""
        by_template: dict[str, list[str]] = {}
        for name, template in self._linked.items():
            by_template.setdefault(template, []).append(name)
        made: dict[str, int] = {}
        for names in by_template.values():
            said = names[0] if len(names) == 1 else posixpath.join(_folder(names), "*")
            made[said] = made.get(said, 0) + len(names)
        return [name if count == 1 else f"{name} ({count})" for name, count in made.items()]

    def link_finished(self) -> None:
        """Make the links of all runs that are finished as they were planned."""
        if not self._named:
            return
        self._store.refresh()
        index = self._store.index
        finished = index.finished(frozenset(), {})
        for task, views in self._named.items():
            found = finished.find(self._plan.tasks[task].ids)
            for run in np.flatnonzero(found >= 0).tolist():
                for view in views:
                    self._link(index.record(int(found[run])), view, view.name(run))

    def link(self, key: Key, id: str) -> None:
        """Make the links of a run that has just been finished, under the id that it has got."""
        views = self._named.get(key[0])
        record = self._store.newest(id) if views else None
        for view in views or ():
            if record is not None:
                self._link(record, view, view.name(key[1], id))

    def _link(self, record: Record, view: NamedView, name: str) -> None:
        folder = self._store.folder(record)
        artifact = record.artifacts.get(view.artifact)
        source = folder / (RUN_FILE if not view.artifact else artifact.path if artifact else "")
        if source != folder and source.exists():
            link(source, self._store.root / name, record.started + record.seconds, self._store.layout.links)
            self._linked[name] = view.template


def _folder(names: Sequence[str]) -> str:
    """The folder that all names lie in; empty for the store itself."""
    return posixpath.commonpath([posixpath.dirname(name) for name in names])

"""Temporary artifacts: they go when their last reader is done; the run stays finished."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from quadrat.execution.graph import Graph, Key
from quadrat.execution.orders import Ledger
from quadrat.plan.plan import Plan
from quadrat.store.layout import Layout
from quadrat.store.record import Record
from quadrat.store.upkeep import live_owners


class Temps:
    """The lifetimes of a plan's temporary artifacts.

    Nothing goes while other processes are at work on the store, whose plans may have further readers: then the last of
    them sees to it. Nothing goes either where the plan leaves tasks out that would read it.

    Args:
        plan: the plan.
        graph: who reads whom.
        ledger: which attempts there are.
        layout: of the store.
        owner: this session's name in it.
        keep: let nothing go: the plan has a part of the readers only.
    """

    def __init__(
        self, plan: Plan, graph: Graph, ledger: Ledger, layout: Layout, owner: str, *, keep: bool = False
    ) -> None:
        self._graph = graph
        self._ledger = ledger
        self._layout = layout
        self._owner = owner
        self._readers: dict[Key, int] = {}
        self._dropped: set[Key] = set()
        for name, one in plan.tasks.items() if not keep else ():
            readers = [task.name for task in plan.study.order if any(link.name == name for link in task.inputs)]
            if one.task.temps and readers and all(reader in plan.tasks for reader in readers):
                for run in range(one.size):
                    if graph.is_read((name, run)):
                        self._readers[name, run] = sum(1 for _ in graph.readers((name, run)))

    def read(self, key: Key) -> None:
        """A run is done: what it read may go, where it was the last to read it."""
        if not self._readers:
            return
        for upstream in self._graph.upstreams(key):
            if upstream in self._readers:
                self._readers[upstream] -= 1
                if not self._readers[upstream] and self._alone():
                    self._drop(upstream)

    def drop_rest(self) -> None:
        """At the end: drop what could not go while others were at work, or what a session that was killed has left."""
        unread = [key for key, readers in self._readers.items() if not readers and key not in self._dropped]
        if unread and self._alone():
            for key in unread:
                self._drop(key)

    def _alone(self) -> bool:
        return live_owners(self._layout) <= {self._owner}

    def _drop(self, key: Key) -> None:
        id, attempt = self._ledger.ref(*key)
        if attempt:
            self._dropped.add(key)
            drop_temps(self._layout.run(id, attempt))


def drop_temps(folder: Path) -> None:
    """Delete the temporary artifacts of a run, in its folder."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        for artifact in Record.load(folder).artifacts.values():
            path = folder / artifact.path
            if artifact.temp and path.is_dir():
                shutil.rmtree(path)
            elif artifact.temp:
                path.unlink(missing_ok=True)

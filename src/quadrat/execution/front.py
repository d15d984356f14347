"""The front of a plan: the runs that are ready, moving on as runs finish, and closing behind those that fail."""

from __future__ import annotations

from collections.abc import Iterator

from quadrat.execution.graph import Graph, Key
from quadrat.execution.waiting import Waiting
from quadrat.plan.plan import Plan


class Front:
    """Which runs are ready, and what has become of the others.

    Attributes:
        ready: for each task its ready runs.
        dropped: runs that failed, where some gather goes on without them.

    Args:
        plan: the plan.
        graph: who waits for whom.
    """

    def __init__(self, plan: Plan, graph: Graph) -> None:
        self._plan = plan
        self._graph = graph
        self._settled: set[Key] = set()
        self.ready = {name: Waiting(plan, name) for name in plan.tasks}
        self.dropped: set[Key] = set()

    def begin(self) -> Iterator[Key]:
        """Make ready what waits for nothing; yields the runs that are blocked by others that are held back."""
        for name, run in self._graph.ready():
            self.ready[name].add(run)
        held, absent = (
            [(name, run) for name, runs in masks.items() for run in runs.nonzero()[0].tolist()]
            for masks in (self._graph.held, self._graph.absent)
        )
        self._settled.update(held, absent)
        for key in absent:  # not failed: no gather may take it for that and go on without it
            yield from self.fail(key, droppable=False)
        for key in held:
            yield from self.fail(key)

    def __bool__(self) -> bool:
        """Whether any run is ready."""
        return any(self.ready.values())

    def is_settled(self, key: Key) -> bool:
        """Whether a run is done, failed or blocked."""
        return key in self._settled

    def again(self, key: Key, *, alone: bool = False) -> None:
        """A run is to be tried again; `alone` keeps it out of batches."""
        self.ready[key[0]].add(key[1], alone=alone)

    def finish(self, key: Key) -> None:
        """A run is finished: its readers, and the next longer run of its family, wait for one less."""
        self._settled.add(key)
        for reader, _ in self._graph.readers(key):
            self._release(reader)
        longer = self._graph.longer.get(key)
        if longer is not None:
            self._release(longer)

    def fail(self, key: Key, *, droppable: bool = True) -> Iterator[Key]:
        """A run will not be finished: gathers that can do without it go on; yields the runs that are blocked by it.

        Args:
            key: the run.
            droppable: whether gathers may do without it.
        """
        self._settled.add(key)
        rest = [key]
        while rest:
            one = rest.pop()
            longer = self._graph.longer.get(one)
            if longer is not None:
                self._release(longer)  # it continues from what else there is, or from scratch
            for reader, can_drop in self._graph.readers(one):
                if reader in self._settled:
                    continue
                if can_drop and droppable:
                    self.dropped.add(one)
                    if self._members_left(reader):
                        self._release(reader)
                        continue
                self._settled.add(reader)
                rest.append(reader)
                yield reader

    def _release(self, key: Key) -> None:
        name, run = key
        waiting = self._graph.waiting[name]
        waiting[run] -= 1
        if waiting[run] == 0 and key not in self._settled:
            self.ready[name].add(run)

    def _members_left(self, key: Key) -> bool:
        """Whether each group of a gather has a member that has not failed."""
        made = self._plan.tasks[key[0]].made
        for link in made.task.inputs:
            place = int(made.upstream[link.name][key[1]])
            if link.many and place >= 0:
                members = made.groups[link.name].of(place).tolist()
                if all((link.name, member) in self.dropped for member in members):
                    return False
        return True

"""The runs of a plan that are still to do, as counters: what waits for how many, and who waits for whom."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quadrat.core.identity import digest
from quadrat.plan.plan import Plan, Reason, TaskPlan

Key = tuple[str, int]
"""A run of the plan: task and place."""


class Graph:
    """Who waits for whom among the runs to do.

    Runs that failed before and are held back, and runs that are left to others and not there, count as waited for: what
    becomes of their readers is one case with runs that fail now.

    Args:
        plan: the plan.
        partial: gathers go on without members that failed, whatever they declare.
    """

    def __init__(self, plan: Plan, *, partial: bool = False) -> None:
        self._plan = plan
        self._partial = partial
        self.to_run = {
            name: one.to_run if one.active else np.zeros(one.size, dtype=bool) for name, one in plan.tasks.items()
        }
        self.held = {
            name: one.reason == Reason.HELD if one.active else np.zeros(one.size, dtype=bool)
            for name, one in plan.tasks.items()
        }
        self.absent = {name: one.reason == Reason.ABSENT for name, one in plan.tasks.items()}
        self._busy = {name: self.to_run[name] | self.held[name] | self.absent[name] for name in plan.tasks}
        self._families: dict[str, dict[bytes, list[int]]] = {}
        self.waiting = {name: self._count(one) for name, one in plan.tasks.items()}
        self._readers: dict[str, list[tuple[str, str, bool]]] = {name: [] for name in plan.tasks}
        for name, one in plan.tasks.items():
            for link in one.task.inputs:
                self._readers[link.name].append((name, link.name, link.many))
        self._children: dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self.longer: dict[Key, Key] = {}
        self.shorter: dict[Key, Key] = {}
        self._extend()

    def _count(self, one: TaskPlan) -> NDArray[np.int32]:
        """For each run how many of its upstreams are to be run first."""
        count = np.zeros(one.size, np.int32)
        for link in one.task.inputs:
            busy = self._busy[link.name]
            place = one.made.upstream[link.name]
            if link.many:
                groups = one.made.groups[link.name]
                sums = np.concatenate([[0], np.cumsum(busy[groups.members], dtype=np.int64)])
                each = sums[groups.starts[1:]] - sums[groups.starts[:-1]]
                count += np.append(each, 0)[place].astype(np.int32)
            else:
                count += np.append(busy, False)[place]
        return count

    def _extend(self) -> None:
        """Longer runs of a task that extends wait for the next shorter ones that are to be run."""
        for name, one in self._plan.tasks.items():
            if one.task.extends is None:
                continue
            families = self.families(name)
            for members in families.values():
                busy = [run for run in members if self.to_run[name][run]]
                for shorter, longer in pairwise(busy):
                    self.longer[name, shorter] = (name, longer)
                    self.shorter[name, longer] = (name, shorter)
                    self.waiting[name][longer] += 1

    def families(self, name: str) -> dict[bytes, list[int]]:
        """The runs of a task that differ in their length only, shortest first."""
        one = self._plan.tasks[name]
        if name not in self._families:
            found: dict[bytes, list[int]] = {}
            for run in range(one.size):
                found.setdefault(family(self._plan, name, run), []).append(run)
            for members in found.values():
                members.sort(key=lambda run: length(one, run))
            self._families[name] = found
        return self._families[name]

    def ready(self) -> Iterator[Key]:
        """The runs that wait for nothing, in the order of the plan."""
        for name in self._plan.tasks:
            for run in np.flatnonzero(self.to_run[name] & (self.waiting[name] == 0)):
                yield name, int(run)

    def upstreams(self, key: Key) -> Iterator[Key]:
        """The runs that a run reads."""
        made = self._plan.tasks[key[0]].made
        for link in made.task.inputs:
            place = int(made.upstream[link.name][key[1]])
            if place >= 0:
                for member in made.groups[link.name].of(place).tolist() if link.many else (place,):
                    yield link.name, member

    def is_read(self, key: Key) -> bool:
        """Whether any run of the plan reads a run, finished or not."""
        for reader, argument, _ in self._readers[key[0]]:
            _, starts = self._children_of(reader, argument)
            if starts[key[1] + 1] > starts[key[1]]:
                return True
        return False

    def readers(self, key: Key) -> Iterator[tuple[Key, bool]]:
        """The runs to do (or held back) that read a run, and whether they can do without it."""
        name, run = key
        for reader, argument, many in self._readers[name]:
            rows, starts = self._children_of(reader, argument)
            link = next(one for one in self._plan.tasks[reader].task.inputs if one.name == argument)
            droppable = many and (self._partial or link.missing == "drop")
            for child in rows[starts[run] : starts[run + 1]].tolist():
                if self._busy[reader][child]:
                    yield (reader, child), droppable

    def _children_of(self, reader: str, argument: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each upstream run the reading runs: `rows[starts[run]:starts[run + 1]]`."""
        found = self._children.get((reader, argument))
        if found is not None:
            return found
        made = self._plan.tasks[reader].made
        place = made.upstream[argument]
        children = np.arange(len(place), dtype=np.int64)
        if argument in made.groups:
            groups = made.groups[argument]
            counts = np.diff(groups.starts)
            kept = place >= 0
            children, place = children[kept], place[kept]
            children = np.repeat(children, counts[place])
            pieces = [groups.of(int(group)) for group in place]
            parents = np.concatenate(pieces).astype(np.int64) if pieces else np.zeros(0, np.int64)
        else:
            kept = place >= 0
            children, parents = children[kept], place[kept].astype(np.int64)
        order = np.argsort(parents, kind="stable")
        size = self._plan.tasks[argument].size
        starts = np.searchsorted(parents[order], np.arange(size + 1))
        self._children[reader, argument] = (children[order], starts)
        return self._children[reader, argument]


def family(plan: Plan, name: str, run: int) -> bytes:
    """The hash of everything that a run's id is made of, but its length."""
    one = plan.tasks[name]
    point = one.made.points[one.made.point[run]]
    parts = [point.identity(frozenset({str(one.task.extends)}))]
    for link in one.task.sorted_inputs:
        place = int(one.made.upstream[link.name][run])
        if place < 0:
            parts.append(b"none")
        elif link.many:
            parts.append(one.made.groups[link.name].ids[place])
        else:
            parts.append(plan.tasks[link.name].ids[place])
    return digest(one.task.id_prefix + b"".join(parts))


def length(one: TaskPlan, run: int) -> float:
    """The value of the parameter that a run extends."""
    return float(one.made.points[one.made.point[run]].get(str(one.task.extends)))

"""From runs of a plan to orders that a worker can carry out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from quadrat.core.identity import gather_id, run_ids
from quadrat.core.markers import By
from quadrat.core.task import Point
from quadrat.execution.base import Order, Ref, Refs
from quadrat.execution.graph import Graph, Key, family, length
from quadrat.execution.results import jsonable
from quadrat.plan.plan import Plan
from quadrat.plan.rows import NO_UPSTREAM
from quadrat.store.index import Index
from quadrat.store.layout import Layout
from quadrat.store.record import Record


class Ledger:
    """Which attempt of each run is finished, and what its result's digest is: as planned, and as the session goes on.

    Args:
        plan: the plan.
        index: the store's.
        set_aside: runs in quarantine, as "<id>.<attempt>": their attempts are not used again.

    Attributes:
        attempt, digest: for each task and run; 0 where it is not finished.
        row: where the run stood in the store's index when the session began, or -1.
        renamed: runs that were finished under another id than planned, since members of a group failed above them.
    """

    def __init__(self, plan: Plan, index: Index, set_aside: Sequence[str] = ()) -> None:
        self._plan = plan
        self.attempt: dict[str, list[int]] = {}
        self.digest: dict[str, list[int]] = {}
        self.row: dict[str, list[int]] = {}
        self.renamed: dict[Key, bytes] = {}
        light = index.light
        finished = index.finished(frozenset(), {})
        for name, one in plan.tasks.items():
            # Looked up again: the index may have been read anew since the plan was made.
            found = finished.find(one.ids)
            found[one.found < 0] = -1
            known = found >= 0
            attempts = np.zeros(one.size, np.int64)
            digests = np.zeros(one.size, np.uint64)
            if known.any():
                attempts[known] = light["attempt"][found[known]]
                digests[known] = light["digest"][found[known]]
            self.attempt[name] = attempts.tolist()
            self.digest[name] = digests.tolist()
            self.row[name] = found.tolist()
        self._used: dict[str, int] = {}
        for folder in [*index.torn, *set_aside]:
            parsed = Layout.run_name(folder.rpartition("/")[2])
            if parsed:
                self._used[parsed[0]] = max(self._used.get(parsed[0], 0), parsed[1])

    def next_attempt(self, key: Key, id: str) -> int:
        """The attempt that a run will be committed as."""
        return max(self.attempt[key[0]][key[1]], self._used.get(id, 0)) + 1

    def id(self, name: str, run: int) -> bytes:
        """The id that a run has, as far as that is known."""
        renamed = self.renamed.get((name, run)) if self.renamed else None
        return renamed or self._plan.tasks[name].ids[run]

    def finished(self, key: Key, id: str, attempt: int, digest: int) -> None:
        """A run is finished now."""
        if id != self._plan.tasks[key[0]].ids[key[1]].hex():
            self.renamed[key] = bytes.fromhex(id)
        self.attempt[key[0]][key[1]] = attempt
        self.digest[key[0]][key[1]] = digest

    def ref(self, name: str, run: int) -> Ref:
        """A finished run as a worker reads it."""
        return self.id(name, run).hex(), self.attempt[name][run]


class OrderMaker:
    """Makes orders of runs that are ready.

    Args:
        plan: the plan.
        graph: who waits for whom in it.
        ledger: what is finished.
        index: the store's.
        fresh: whether runs of a task that some code made are as good as those of the present code.
    """

    def __init__(
        self, plan: Plan, graph: Graph, ledger: Ledger, index: Index, fresh: Callable[[str, str], bool]
    ) -> None:
        self._plan = plan
        self._fresh = fresh
        self._graph = graph
        self._ledger = ledger
        self._index = index
        self._params: dict[tuple[str, int], bytes] = {}
        self._by_family: dict[int, list[int]] | None = None

    def make(self, key: Key, dropped: set[Key], tries: int = 0) -> Order:
        """The order of a run.

        Args:
            key: the run.
            dropped: runs that failed: as members of a group they are left out, and the id is that of the rest.
            tries: how often it was tried before in this session.
        """
        name, run = key
        one = self._plan.tasks[name]
        made = one.made
        inputs: list[tuple[str, Refs]] = []
        groups: dict[str, dict[str, Any]] = {}
        missing: dict[str, int] = {}
        for link in one.task.inputs:
            place = int(made.upstream[link.name][run])
            if place < 0:
                inputs.append((link.name, None))
            elif link.many:
                members = made.groups[link.name].of(place).tolist()
                kept = [member for member in members if (link.name, member) not in dropped]
                missing[link.name] = len(members) - len(kept)
                inputs.append((link.name, tuple(self._ledger.ref(link.name, member) for member in kept)))
                groups[link.name] = jsonable(dict(made.groups[link.name].values[place]))
            else:
                inputs.append((link.name, self._ledger.ref(link.name, place)))
        strange = self._ledger.renamed and any(above in self._ledger.renamed for above in self._graph.upstreams(key))
        id = self._other_id(key, dropped) if any(missing.values()) or strange else one.ids[run].hex()
        for argument, groups_of in made.groups.items():
            missing[argument] = missing.get(argument, 0) + int(groups_of.dropped[made.upstream[argument][run]])
        previous, kin = self._previous(key) if one.task.extends else (None, "")
        point = int(made.point[run])
        return Order(
            id=id,
            attempt=self._ledger.next_attempt(key, id),
            params=self._point_json(name, point, made.points[point]),
            inputs=tuple(inputs),
            group=groups,
            dropped={argument: count for argument, count in missing.items() if count},
            previous=previous,
            family=kin,
            tries=tries,
        )

    def is_current(self, key: Key, dropped: set[Key], record: Record, code: str) -> bool:
        """Whether a finished run has read what its upstreams that did not fail give now, by the same code."""
        now = {
            self._ledger.id(name, run).hex(): self._ledger.digest[name][run]
            for name, run in self._graph.upstreams(key)
            if (name, run) not in dropped
        }
        read = {one.id: int(one.digest[:16], 16) for one in record.read}
        return read == now and record.code == code

    def _point_json(self, name: str, number: int, point: Point) -> bytes:
        found = self._params.get((name, number))
        if found is None:
            found = point.to_json()
            self._params[name, number] = found
        return found

    def _other_id(self, key: Key, dropped: set[Key]) -> str:
        """The id of a gather whose group closed without some of its members, and of what reads it."""
        name, run = key
        one = self._plan.tasks[name]
        parts = [one.made.points[one.made.point[run]].identity()]
        for link in one.task.sorted_inputs:
            place = int(one.made.upstream[link.name][run])
            if place < 0:
                parts.append(NO_UPSTREAM)
            elif not link.many:
                parts.append(self._ledger.id(link.name, place))
            else:
                groups = one.made.groups[link.name]
                members = [member for member in groups.of(place).tolist() if (link.name, member) not in dropped]
                kept = [self._ledger.id(link.name, member) for member in members]
                values: Mapping[str, Any] = groups.values[place] if isinstance(link.gather, By) else {}
                parts.append(gather_id(kept, values))
        return run_ids(one.task.id_prefix, [parts])[0].hex()

    def _previous(self, key: Key) -> tuple[Ref | None, str]:
        """The nearest finished shorter run of a run's family, in the plan or in the store; and the family's name."""
        name, run = key
        one = self._plan.tasks[name]
        kin = family(self._plan, name, run)
        own = length(one, run)
        best: tuple[float, Ref] | None = None
        for other in self._graph.families(name)[kin]:
            shorter = length(one, other)
            made_now = self._ledger.attempt[name][other] and not self._is_stale(name, other)
            if shorter < own and made_now and (best is None or shorter > best[0]):
                best = (shorter, self._ledger.ref(name, other))
        light = self._index.light
        if len(light):
            wanted = int.from_bytes(kin[:8], "big")
            for row in self._rows_of_family(wanted):
                shorter = float(light["length"][row])
                code = self._index.codes[int(light["code"][row])]
                if shorter < own and self._fresh(name, code) and (best is None or shorter > best[0]):
                    id = f"{int(light['high'][row]):016x}{int(light['low'][row]):016x}"
                    best = (shorter, (id, int(light["attempt"][row])))
        return (best[1] if best else None), kin.hex()

    def _is_stale(self, name: str, run: int) -> bool:
        """Whether a finished run is of older code: what continues it would be of two codes."""
        row = self._ledger.row[name][run]
        light = self._index.light
        if row < 0 or int(light["attempt"][row]) != self._ledger.attempt[name][run]:
            return False  # made in this session
        return not self._fresh(name, self._index.codes[int(light["code"][row])])

    def _rows_of_family(self, wanted: int) -> list[int]:
        if self._by_family is None:
            self._by_family = {}
            family_column = self._index.light["family"]
            for row in np.flatnonzero(family_column).tolist():
                self._by_family.setdefault(int(family_column[row]), []).append(row)
        return self._by_family.get(wanted, [])

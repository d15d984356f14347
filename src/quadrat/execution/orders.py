"""From runs of a plan to orders that a worker can carry out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pydantic_core

from quadrat.core.identity import gather_id, run_ids
from quadrat.core.markers import By
from quadrat.core.task import Point
from quadrat.execution.base import Order, Ref
from quadrat.execution.graph import Graph, Key, family, length
from quadrat.execution.worker import jsonable
from quadrat.plan.plan import Plan
from quadrat.plan.rows import NO_UPSTREAM
from quadrat.store.index import Index
from quadrat.store.layout import Layout


class Ledger:
    """Which attempt of each run is finished, and what its result's digest is: as planned, and as the session goes on."""

    def __init__(self, plan: Plan, index: Index) -> None:
        self._plan = plan
        self.attempt: dict[str, list[int]] = {}
        self.digest: dict[str, list[int]] = {}
        light = index.light
        for name, one in plan.tasks.items():
            found = one.found
            known = found >= 0
            attempts = np.zeros(one.size, np.int64)
            digests = np.zeros(one.size, np.uint64)
            if known.any():
                attempts[known] = light["attempt"][found[known]]
                digests[known] = light["digest"][found[known]]
            self.attempt[name] = attempts.tolist()
            self.digest[name] = digests.tolist()
        self._torn: dict[str, int] = {}
        for folder in index.torn:
            parsed = Layout.run_name(folder.rpartition("/")[2])
            if parsed:
                self._torn[parsed[0]] = max(self._torn.get(parsed[0], 0), parsed[1])

    def next_attempt(self, key: Key, id: str) -> int:
        """The attempt that a run will be committed as."""
        return max(self.attempt[key[0]][key[1]], self._torn.get(id, 0)) + 1

    def finished(self, key: Key, attempt: int, digest: int) -> None:
        """A run is finished now."""
        self.attempt[key[0]][key[1]] = attempt
        self.digest[key[0]][key[1]] = digest

    def ref(self, name: str, run: int) -> Ref:
        """A finished run as a worker reads it."""
        return self._plan.tasks[name].ids[run].hex(), self.attempt[name][run]


class OrderMaker:
    """Makes orders of runs that are ready."""

    def __init__(self, plan: Plan, graph: Graph, ledger: Ledger, index: Index) -> None:
        self._plan = plan
        self._graph = graph
        self._ledger = ledger
        self._index = index
        self._params: dict[tuple[str, int], bytes] = {}
        self._by_family: dict[str, dict[int, list[int]]] = {}

    def make(self, key: Key, dropped: set[Key]) -> Order:
        """The order of a run; members of its groups that are in `dropped` are left out, and its id is that of the rest."""
        name, run = key
        one = self._plan.tasks[name]
        made = one.made
        inputs: list[tuple[str, Ref | tuple[Ref, ...] | None]] = []
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
        missing = {argument: count for argument, count in missing.items() if count}
        id = one.ids[run].hex() if not missing else self._partial_id(key, dropped)
        previous, kin = self._previous(key) if one.task.extends else (None, "")
        point = int(made.point[run])
        return Order(
            id=id,
            attempt=self._ledger.next_attempt(key, id),
            params=self._point_json(name, point, made.points[point]),
            inputs=tuple(inputs),
            group=groups,
            dropped=missing,
            previous=previous,
            family=kin,
        )

    def _point_json(self, name: str, number: int, point: Point) -> bytes:
        found = self._params.get((name, number))
        if found is None:
            found = point_json(point)
            self._params[name, number] = found
        return found

    def _partial_id(self, key: Key, dropped: set[Key]) -> str:
        """The id of a gather whose group closed without some of its members."""
        name, run = key
        one = self._plan.tasks[name]
        parts = [one.made.points[one.made.point[run]].identity()]
        for link in one.task.sorted_inputs:
            place = int(one.made.upstream[link.name][run])
            ids = self._plan.tasks[link.name].ids
            if place < 0:
                parts.append(NO_UPSTREAM)
            elif not link.many:
                parts.append(ids[place])
            else:
                groups = one.made.groups[link.name]
                kept = [ids[member] for member in groups.of(place).tolist() if (link.name, member) not in dropped]
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
            if shorter < own and self._ledger.attempt[name][other] and (best is None or shorter > best[0]):
                best = (shorter, self._ledger.ref(name, other))
        light = self._index.light
        if len(light):
            wanted = int.from_bytes(kin[:8], "big")
            for row in self._rows_of_family(wanted):
                shorter = float(light["length"][row])
                if shorter < own and (best is None or shorter > best[0]):
                    id = f"{int(light['high'][row]):016x}{int(light['low'][row]):016x}"
                    best = (shorter, (id, int(light["attempt"][row])))
        return (best[1] if best else None), kin.hex()

    def _rows_of_family(self, wanted: int) -> list[int]:
        if "all" not in self._by_family:
            found: dict[int, list[int]] = {}
            family_column = self._index.light["family"]
            for row in np.flatnonzero(family_column).tolist():
                found.setdefault(int(family_column[row]), []).append(row)
            self._by_family["all"] = found
        return self._by_family["all"].get(wanted, [])


def point_json(point: Point) -> bytes:
    """The own params of a run as JSON: what a worker makes them of again."""
    values: dict[str, Any] = {}
    for model in point.models:
        values |= model.model_dump(mode="json")
    return pydantic_core.to_json(values, inf_nan_mode="constants")

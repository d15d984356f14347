"""Rows: what a task's own points and the rows of its upstreams give when they are joined.

Each task has a table of rows; an upstream argument is a natural join on shared parameters, labels and common ancestor
runs; a gather is a group-by. Rows with equal ids are one run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.errors import BadInput, unknown
from quadrat.core.identity import digest, gather_id, run_ids
from quadrat.core.markers import By, Over
from quadrat.core.names import Found, Names
from quadrat.core.points import Draft, TaskPoints
from quadrat.core.task import Input, Point, Task
from quadrat.plan.domain import Domains
from quadrat.plan.relation import Column, Groups, Index, Relation, combine, first_seen, match, merge, stack

NO_UPSTREAM = digest(b"quadrat.none.1;")
JOINABLE = ("l:", "#", "@")


@dataclass
class TaskRows:
    """The rows of a task and the runs that they are.

    Attributes:
        rows: for each row the columns by which others join and group it; `@<task>` is the run.
        points: distinct own points.
        point: for each run its own point.
        upstream: for each argument the upstream run (or group) of each run; -1 where there is none.
        groups: for each gathered argument its groups.
        ids: the run ids.
    """

    task: Task
    rows: Relation
    points: list[Point]
    point: Column
    upstream: dict[str, Column]
    groups: dict[str, Groups] = field(default_factory=dict)
    ids: list[bytes] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many runs there are."""
        return len(self.ids)


Keep = Callable[["RowBuilder", Relation, "OwnPoints"], NDArray[np.bool_]]


class RowBuilder:
    """Builds the rows of a study's tasks, each after its upstreams.

    Args:
        names: the study's resolver.
        constants: names that stand for one value in every row (settings), for gathers by them.
    """

    def __init__(self, names: Names, constants: Mapping[str, Any]) -> None:
        self.names = names
        self.done: dict[str, TaskRows] = {}
        self.labels = Domains()
        self.domains = Domains()
        self._constants = constants

    def add(self, task: Task, own: TaskPoints, keep: Keep) -> TaskRows:
        """Build the rows of one task; `keep` leaves out those that were not asked for."""
        points = OwnPoints(self, task, own)
        groups: dict[str, Groups] = {}
        rows: Relation | None = None
        for one in task.inputs:
            if one.when is None:
                other = self._upstream(one, groups)
                rows = other if rows is None else self.join(rows, other, points)
        rows = points.relation() if rows is None else self.join(rows, points.relation(), points)
        for one in task.inputs:
            if one.when is not None:
                rows = self._join_where(rows, self._upstream(one, groups), points, one.when.test)
        rows = points.complete(rows)
        rows = rows.take(keep(self, rows, points))
        made = self._runs(task, rows, points, groups)
        self.done[task.name] = made
        return made

    def join(self, left: Relation, right: Relation, points: OwnPoints) -> Relation:
        """The natural join of two relations."""
        shared = [name for name in left.columns if name in right.columns and name.startswith(JOINABLE)]
        columns_left = [left.columns[name] for name in shared]
        columns_right = [right.columns[name] for name in shared]
        here, there = self.available(left, points), self.available(right, points)
        for key in here:
            # A parameter that both have from the same ancestor run agrees already.
            if key in there and not (here[key] == there[key] and f"@{here[key]}" in shared):
                columns_left.append(self.column(left, key, points))
                columns_right.append(self.column(right, key, points))
        return merge(left, right, match(columns_left, columns_right, (left.size, right.size)))

    def _join_where(self, rows: Relation, other: Relation, points: OwnPoints, test: Callable[[Any], bool]) -> Relation:
        """The join where the own params want it; the other rows stay as they are."""
        wanted = points.passing(test)[rows.columns["$own"]]
        place = np.arange(rows.size, dtype=np.int32)
        rows = Relation(rows.size, {**rows.columns, "$place": place})
        joined = self.join(rows.take(wanted), other, points)
        rest = rows.take(~wanted)
        order = np.argsort(np.concatenate([joined.columns["$place"], rest.columns["$place"]]), kind="stable")
        whole = stack([joined, rest], order)
        del whole.columns["$place"]
        return whole

    def available(self, rows: Relation, points: OwnPoints | None = None) -> dict[str, str]:
        """The parameters that the rows know, and where from: a task's runs, "" for a column of their own."""
        found = {name[2:]: "" for name in rows.columns if name.startswith("p:")}
        tasks = [name[1:] for name in rows.columns if name.startswith("@")]
        if points is not None and "$own" in rows.columns:
            found |= {points.key(name): "$own" for name in points.task.fields}
        for task in tasks:
            for name in self.done[task].task.fields:
                found.setdefault(self.names.own(task, name).key, task)
        return found

    def column(self, rows: Relation, key: str, points: OwnPoints | None = None, path: tuple[str, ...] = ()) -> Column:
        """The codes of a parameter (or of what lies at a path inside it) in each row."""
        source = self.available(rows, points)[key]
        if source == "":
            codes = rows.columns[f"p:{key}"]
            if path:
                inner = self.domains.inner(key, path)
                return _pick(inner, codes)
            return codes
        if source == "$own" and points is not None:
            return points.codes(key, path)[rows.columns["$own"]]
        made = self.done[source]
        codes = self.point_codes(source, made.points, key, path)
        run = rows.columns[f"@{source}"]
        return np.where(run < 0, np.int32(-1), codes[made.point[run]])

    def point_codes(self, task: str, points: Sequence[Point], key: str, path: tuple[str, ...] = ()) -> Column:
        """The codes of a parameter in each of a task's own points."""
        name = next(name for name in self.done[task].task.fields if self.names.own(task, name).key == key)
        return self.domains.codes(key, path, (point.get(name) for point in points), (task, id(points), len(points)))

    def _upstream(self, one: Input, groups: dict[str, Groups]) -> Relation:
        made = self.done[one.name]
        if not one.many:
            return made.rows
        assert one.gather is not None
        relation, groups[one.name] = self._gather(made, one.gather, one.name)
        return relation

    def _gather(self, made: TaskRows, mark: Over | By, argument: str) -> tuple[Relation, Groups]:
        """Group rows: over some parameters by everything else, or by some parameters and labels."""
        keys = self._over_keys(made, mark.names) if isinstance(mark, Over) else self._by_keys(made, mark.names)
        rows = made.rows
        group_first, group_of = first_seen(combine(list(keys.values()), rows.size))
        run = rows.columns[f"@{made.task.name}"]
        pairs = group_of * (made.size + 1) + run
        _, first = np.unique(pairs, return_index=True)
        first.sort()
        order = first[np.argsort(group_of[first], kind="stable")]
        counts = np.bincount(group_of[order], minlength=len(group_first))
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        members = run[order]
        columns = {name: column[group_first] for name, column in keys.items() if name.startswith(("p:", "l:"))}
        if isinstance(mark, Over):
            for name, column in rows.columns.items():
                if name.startswith("@") and not self._varies(name[1:], made, keys):
                    columns[name] = column[group_first]
        values = self._group_values(keys, group_first)
        named = values if isinstance(mark, By) else [{}] * len(values)
        ids = [
            gather_id([made.ids[member] for member in members[starts[place] : starts[place + 1]]], named[place])
            for place in range(len(group_first))
        ]
        columns[f"%{argument}"] = np.arange(len(group_first), dtype=np.int32)
        return Relation(len(group_first), columns), Groups(starts, members, ids, values)

    def _varies(self, task: str, made: TaskRows, keys: Mapping[str, Column]) -> bool:
        """Whether runs of an ancestor may differ inside a group: its chain has a parameter that is no key."""
        chain = self.available(self.done[task].rows)
        return task == made.task.name or any(f"p:{key}" not in keys for key in chain)

    def _group_values(self, keys: Mapping[str, Column], first: Index) -> list[Mapping[str, object]]:
        columns = []
        for name, column in keys.items():
            kind, _, key = name.partition(":")
            if kind == "c":
                columns.append((key, [self._constants[key]] * len(first)))
                continue
            domain = self.labels if kind == "l" else self.domains
            columns.append((key, domain.values(key, column[first])))
        if not columns:
            return [{} for _ in first]
        names = [name for name, _ in columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*(column for _, column in columns), strict=True)]

    def _over_keys(self, made: TaskRows, names: Sequence[str]) -> dict[str, Column]:
        chain = self.available(made.rows)
        away: dict[str, list[tuple[str, ...]]] = {}
        labels = set()
        for name in names:
            if f"l:{name}" in made.rows.columns:
                labels.add(name)
                continue
            found = self._in_chain(name, chain, made.task)
            away.setdefault(found.param.key, []).append(found.path)
        keys: dict[str, Column] = {}
        for key in chain:
            if key not in away:
                keys[f"p:{key}"] = self.column(made.rows, key)
            elif () not in away[key]:
                codes = self.column(made.rows, key)
                keys[f"p:{key}"] = _pick(self.domains.outer(key, tuple(away[key])), codes)
        for name, column in made.rows.columns.items():
            if name.startswith("l:") and name[2:] not in labels:
                keys[name] = column
        return keys

    def _by_keys(self, made: TaskRows, names: Sequence[str]) -> dict[str, Column]:
        chain = self.available(made.rows)
        keys: dict[str, Column] = {}
        for name in names:
            if f"l:{name}" in made.rows.columns:
                keys[f"l:{name}"] = made.rows.columns[f"l:{name}"]
            elif self._matches(name, chain):
                found = self._in_chain(name, chain, made.task)
                keys[f"p:{found.full}"] = self.column(made.rows, found.param.key, path=found.path)
            elif name in self._constants:
                keys[f"c:{name}"] = np.zeros(made.rows.size, np.int32)
            else:
                self._in_chain(name, chain, made.task)
        return keys

    def _matches(self, name: str, chain: Mapping[str, str]) -> list[Found]:
        return [one for one in self.names.lookup(name) if one.param.key in chain]

    def _in_chain(self, name: str, chain: Mapping[str, str], task: Task) -> Found:
        """The one parameter of a task's chain that a name stands for."""
        found = self._matches(name, chain)
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(sorted(one.full for one in found))
            raise BadInput(
                f"'{name}' is ambiguous among the parameters of '{task.name}'", hint=f"write one of: {listed}"
            )
        known = sorted(chain) + [label[2:] for label in self.done[task.name].rows.columns if label.startswith("l:")]
        raise unknown(f"parameter or label of '{task.name}'", name, known)

    def _runs(self, task: Task, rows: Relation, points: OwnPoints, groups: dict[str, Groups]) -> TaskRows:
        """The distinct runs of the rows, and their ids."""
        own = rows.columns["$own"]
        links = {one.name: rows.columns[f"%{one.name}" if one.many else f"@{one.name}"] for one in task.inputs}
        first, run_of = first_seen(combine([own, *links.values()], rows.size))
        point = own[first]
        upstream = {name: column[first] for name, column in links.items()}
        hashes = [one.identity() if isinstance(one, Point) else b"" for one in points.points]
        parts = [_gathered(hashes, point)]
        for one in task.sorted_inputs:
            ids = groups[one.name].ids if one.many else self.done[one.name].ids
            parts.append(_gathered([*ids, NO_UPSTREAM], upstream[one.name]))
        ids = run_ids(task.id_prefix, zip(*parts, strict=True)) if len(first) else []
        twins = {}
        if len(set(ids)) < len(ids):
            # Different groups may hold the same members (under two labels, say): one run.
            kept: list[int] = []
            place = np.empty(len(ids), np.int64)
            for number, one_id in enumerate(ids):
                if one_id not in twins:
                    twins[one_id] = len(kept)
                    kept.append(number)
                place[number] = twins[one_id]
            run_of = place[run_of]
            ids = [ids[number] for number in kept]
            point = point[kept]
            upstream = {name: column[kept] for name, column in upstream.items()}
        columns = {name: column for name, column in rows.columns.items() if name != "$own" and not name.startswith("%")}
        columns[f"@{task.name}"] = run_of.astype(np.int32)
        complete = [one for one in points.points if isinstance(one, Point)]
        return TaskRows(task, Relation(rows.size, columns), complete, point, upstream, groups, ids)


class OwnPoints:
    """The own points of the task that is being built."""

    def __init__(self, builder: RowBuilder, task: Task, own: TaskPoints) -> None:
        self.task = task
        self.points: list[Point | Draft] = list(own.points)
        self._builder = builder
        self._rows = own.rows
        self._columns = own.columns
        self._drafts = any(isinstance(point, Draft) for point in own.points)

    def key(self, name: str) -> str:
        return self._builder.names.own(self.task.name, name).key

    def relation(self) -> Relation:
        """The own rows: points, labels, ties."""
        columns: dict[str, Column] = {"$own": np.asarray(self._rows, np.int32)}
        for name, values in self._columns.items():
            if name.startswith("#"):
                columns[name] = np.asarray([-1 if value is None else value for value in values], np.int32)
            else:
                columns[f"l:{name}"] = self._builder.labels.codes(name, (), values, None)
        return Relation(len(self._rows), columns)

    def codes(self, key: str, path: tuple[str, ...] = ()) -> Column:
        """The codes of an own parameter in each point; null where it waits for others."""
        name = next(name for name in self.task.fields if self.key(name) == key)
        values = []
        for point in self.points:
            if isinstance(point, Point):
                values.append(point.get(name))
            else:
                known = getattr(self.view(point), name)
                values.append(known)
        return self._builder.domains.codes(key, path, values, None)

    def view(self, point: Point | Draft) -> Any:
        """The own params for a test; of a draft what is known, and defaults."""
        if isinstance(point, Point):
            return point.models[0] if len(point.models) == 1 else SimpleNamespace(**point.values())
        waiting = {path[0] for path in point.references}
        known = {name: value for name, value in point.raw.items() if name not in waiting}
        for name, (_, info) in self.task.fields.items():
            known.setdefault(name, info.get_default(call_default_factory=True))
        return SimpleNamespace(**known)

    def passing(self, test: Callable[[Any], bool]) -> NDArray[np.bool_]:
        """For each point whether it passes."""
        return np.array([bool(test(self.view(point))) for point in self.points], dtype=bool)

    def complete(self, rows: Relation) -> Relation:
        """Make points of the drafts, now that the rows exist: once for each distinct tuple of what they depend on."""
        if not self._drafts:
            return rows
        needed = {
            name
            for point in self.points
            if isinstance(point, Draft)
            for reference in point.references.values()
            for name in reference.names
        }
        own = rows.columns["$own"]
        columns: dict[str, Column] = {}
        values: dict[str, list[Any]] = {}
        chain = self._builder.available(rows, self)
        for full in sorted(needed):
            found = self._builder.names.find(full)
            if found.param.key not in chain:
                raise BadInput(f"'{self.task.name}' refers to '{full}', which nothing that it reads has")
            columns[full] = self._builder.column(rows, found.param.key, self, found.path)
            domain = found.full if found.path else found.param.key
            values[full] = self._builder.domains.table(domain)
        first, place = first_seen(combine([own, *columns.values()], rows.size))
        made: dict[bytes, int] = {}
        points: list[Point | Draft] = []
        numbers = np.empty(len(first), np.int32)
        for number, row in enumerate(first):
            point = self.points[own[row]]
            if isinstance(point, Draft):
                point = point.complete({full: _value(values[full], int(codes[row])) for full, codes in columns.items()})
            code = point.identity()
            if code not in made:
                made[code] = len(points)
                points.append(point)
            numbers[number] = made[code]
        self.points = points
        self._drafts = False
        return Relation(rows.size, {**rows.columns, "$own": numbers[place]})


def _value(values: Sequence[Any], code: int) -> Any:
    return None if code < 0 else values[code]


def _pick(mapping: Column, codes: Column) -> Column:
    """Each code mapped; null stays null."""
    return np.where(codes < 0, np.int32(-1), mapping[codes]) if len(mapping) else codes


def _gathered(items: Sequence[bytes], places: Column) -> list[bytes]:
    """The items at these places; -1 is the last one."""
    return [items[place] for place in places.tolist()]

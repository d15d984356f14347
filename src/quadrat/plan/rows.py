"""Rows: what a task's own points and the rows of its upstreams give when they are joined.

Each task has a table of rows; an upstream argument is a natural join on shared parameters, labels and common ancestor
runs; a gather is a group-by. Rows with equal ids are one run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.errors import BadInput
from quadrat.core.identity import digest, run_ids
from quadrat.core.names import Names
from quadrat.core.points import TaskPoints
from quadrat.core.task import Input, Point, Task
from quadrat.plan.gather import gather
from quadrat.plan.own import OwnPoints
from quadrat.plan.relation import Column, Groups, Index, Relation, combine, first_seen, match, merge, stack
from quadrat.plan.tables import Tables, TaskRows

NO_UPSTREAM = digest(b"quadrat.none.1;")
JOINABLE = ("l:", "#", "@")


Keep = Callable[["RowBuilder", Relation, "OwnPoints"], NDArray[np.bool_]]


class RowBuilder(Tables):
    """Builds the rows of a study's tasks, each after its upstreams.

    Args:
        names: the study's resolver.
        constants: names that stand for one value in every row (settings), for gathers by them.
        partial: gathers go on without members that failed, whatever they declare.

    Attributes:
        dead: for each task the runs that will not be finished.
    """

    def __init__(self, names: Names, constants: Mapping[str, Any], *, partial: bool = False) -> None:
        super().__init__(names)
        self._partial = partial
        self.dead: dict[str, NDArray[np.bool_]] = {}
        self._constants = constants

    def add(self, task: Task, own: TaskPoints, keep: Keep) -> TaskRows:
        """Build the rows of one task; `keep` leaves out those that were not asked for."""
        points = OwnPoints(self.names, self.domains, self.labels, task, own)
        groups: dict[str, Groups] = {}
        rows: Relation | None = None
        for one in task.inputs:
            if one.when is None:
                other = self._upstream(one, groups, task.where)
                rows = other if rows is None else self.join(rows, other, points)
        rows = points.relation() if rows is None else self.join(rows, points.relation(), points)
        for one in task.inputs:
            if one.when is not None:
                rows = self._join_where(rows, self._upstream(one, groups, task.where), points, one.when.test)
        rows = self._complete(rows, points)
        rows = rows.take(keep(self, rows, points))
        made = self._runs(task, rows, points, groups)
        self.done[task.name] = made
        return made

    def join(self, left: Relation, right: Relation, points: OwnPoints) -> Relation:
        """The natural join of two relations."""
        shared = [name for name in left.columns if name in right.columns and name.startswith(JOINABLE)]
        on_left = [left.columns[name] for name in shared]
        on_right = [right.columns[name] for name in shared]
        here, there = self.available(left, points), self.available(right, points)
        for key, path in self.shared(here, there):
            # A parameter that both have from the same ancestor run agrees already.
            source = here.get(key)
            if source is None or source != there.get(key) or f"@{source}" not in shared:
                on_left.append(self.column(left, key, points, path))
                on_right.append(self.column(right, key, points, path))
        return merge(left, right, match(on_left, on_right, (left.size, right.size)))

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

    def _upstream(self, one: Input, groups: dict[str, Groups], where: str) -> Relation:
        made = self.done[one.name]
        if one.gather is None:
            return made.rows
        dead = self.dead.get(one.name) if self._partial or one.missing == "drop" else None
        try:
            relation, groups[one.name] = gather(self, self._constants, made, one.gather, one.name, dead)
        except BadInput as error:
            error.where = error.where or where
            raise
        return relation

    def _complete(self, rows: Relation, points: OwnPoints) -> Relation:
        """The rows with complete own points: what these refer to is known now."""

        def codes_of(full: str, where: str | None) -> tuple[Column, Sequence[Any]]:
            found = self.names.find(full)
            chain = self.available(rows, points)
            if found.param.key not in chain and full not in chain:
                raise BadInput(f"'{points.task.name}' refers to '{full}', which nothing that it reads has", where=where)
            return self.column(rows, found.param.key, points, found.path), self.domains.table(full)

        return points.complete(rows, codes_of)

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
        if len(set(ids)) < len(ids):  # groups of one task may hold the same members (under two labels, say): one run
            kept, place = _first_of_each(ids)
            ids = [ids[number] for number in kept]
            run_of = place[run_of]
            point = point[kept]
            upstream = {name: column[kept] for name, column in upstream.items()}
        columns = {name: column for name, column in rows.columns.items() if name != "$own" and not name.startswith("%")}
        columns[f"@{task.name}"] = run_of.astype(np.int32)
        complete = [one for one in points.points if isinstance(one, Point)]
        return TaskRows(task, Relation(rows.size, columns), complete, point, upstream, groups, ids)


def _gathered(items: Sequence[bytes], places: Column) -> list[bytes]:
    """The items at these places; -1 is the last one."""
    return [items[place] for place in places.tolist()]


def _first_of_each(ids: Sequence[bytes]) -> tuple[Index, Index]:
    """Where each id stands first, and for each its place among those."""
    places: dict[bytes, int] = {}
    place = np.array([places.setdefault(one, len(places)) for one in ids], np.int64)
    return np.unique(place, return_index=True)[1], place

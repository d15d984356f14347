"""The own points of one task, on the way to be rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.blame import user_code
from quadrat.core.names import Names
from quadrat.core.points import Draft, TaskPoints
from quadrat.core.task import Point, Task
from quadrat.plan.domain import Domains
from quadrat.plan.relation import Column, Relation, combine, first_seen


class OwnPoints:
    """The own points of the task that is being built.

    Args:
        names: the study's resolver.
        domains: the values of parameters; labels: those of labels.
        task: the task.
        own: its points and rows, as the space gives them.
    """

    def __init__(self, names: Names, domains: Domains, labels: Domains, task: Task, own: TaskPoints) -> None:
        self.task = task
        self.points: list[Point | Draft] = list(own.points)
        self._domains = domains
        self._labels = labels
        self._keys = {name: names.own(task.name, name).key for name in task.fields}
        self._rows = own.rows
        self._columns = own.columns
        self._drafts = any(isinstance(point, Draft) for point in own.points)

    @property
    def keys(self) -> Iterable[str]:
        """The keys of the task's own parameters."""
        return self._keys.values()

    def relation(self) -> Relation:
        """The own rows: points, labels, ties."""
        columns: dict[str, Column] = {"$own": np.asarray(self._rows, np.int32)}
        for name, values in self._columns.items():
            if name.startswith("#"):
                columns[name] = np.asarray([-1 if value is None else value for value in values], np.int32)
            else:
                columns[f"l:{name}"] = self._labels.codes(name, (), values)
        return Relation(len(self._rows), columns)

    def codes(self, key: str, path: tuple[str, ...] = ()) -> Column:
        """The codes of an own parameter in each point; null where it waits for others."""
        name = next(name for name, own in self._keys.items() if own == key)
        values = [
            point.get(name) if isinstance(point, Point) else getattr(self.view(point), name) for point in self.points
        ]
        return self._domains.codes(key, path, values)

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
        with user_code(f"the `when` of task '{self.task.name}'"):
            return np.array([bool(test(self.view(point))) for point in self.points], dtype=bool)

    def complete(self, rows: Relation, codes_of: Callable[[str, str | None], tuple[Column, Sequence[Any]]]) -> Relation:
        """Make points of the drafts, now that the rows exist: once for each distinct tuple of what they depend on.

        Args:
            rows: the task's rows.
            codes_of: for a full name (and where it is written) its codes in the rows, and what they stand for.
        """
        if not self._drafts:
            return rows
        own = rows.columns["$own"]
        needed = {
            name: reference.where
            for point in self.points
            if isinstance(point, Draft)
            for reference in point.references.values()
            for name in reference.names
        }
        columns = {name: codes_of(name, where) for name, where in sorted(needed.items())}
        first, place = first_seen(combine([own, *(codes for codes, _ in columns.values())], rows.size))
        made: dict[bytes, int] = {}
        points: list[Point | Draft] = []
        numbers = np.empty(len(first), np.int32)
        for number, row in enumerate(first):
            point = self.points[own[row]]
            if isinstance(point, Draft):
                point = point.complete(
                    {
                        name: table[code] if (code := codes[row]) >= 0 else None
                        for name, (codes, table) in columns.items()
                    }
                )
            identity = point.identity()
            if identity not in made:
                made[identity] = len(points)
                points.append(point)
            numbers[number] = made[identity]
        self.points = points
        self._drafts = False
        return Relation(rows.size, {**rows.columns, "$own": numbers[place]})

"""Configuration to points: for each task the own points of a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from quadrat.config import Override
from quadrat.core.errors import BadInput
from quadrat.core.names import Names
from quadrat.core.points import TaskPoints
from quadrat.core.study import Study
from quadrat.core.task import Point, Task
from quadrat.core.trees import Path
from quadrat.space.algebra import Axis, Space
from quadrat.space.making import PointMaker
from quadrat.space.request import read_request
from quadrat.space.sweep import Origin, factors


class Expansion:
    """The points of a study's tasks for one configuration.

    Args:
        study: the study.
        names: its resolver.
        values: the composed configuration, without the library's own settings; `${…}` still in it.
        origin: file and line of a key.
        overrides: from the command line, in their order.
        also: further keys that a configuration may have, for the error that names the nearest one.

    Raises:
        BadInput: for anything in it that cannot be.
    """

    def __init__(
        self,
        study: Study,
        names: Names,
        values: Mapping[str, Any],
        origin: Origin,
        overrides: Sequence[Override],
        also: Sequence[str] = (),
    ) -> None:
        self._names = names
        self.request = read_request(study, names, values, origin, overrides, also)

    def points(self, tasks: Iterable[Task]) -> dict[str, TaskPoints]:
        """The own points of these tasks."""
        shared = factors(self.request.sweep)
        return {task.name: self._task_points(task, shared) for task in tasks}

    def _task_points(self, task: Task, shared: Sequence[Space]) -> TaskPoints:
        keys = {self._names.own(task.name, name).key: name for name in task.fields}
        maker = PointMaker(self._names, self.request, task, _by_field(self.request.base, keys))
        table = TaskPoints([], [])
        known: dict[bytes, int] = {}
        for row_number, combination in enumerate(product(*self._sources(task, shared, keys))):
            point = maker.make([row.values for row in combination])
            code = point.identity() if isinstance(point, Point) else b"%d" % row_number
            if code not in known:
                known[code] = len(table.points)
                table.points.append(point)
            table.rows.append(known[code])
            for row in combination:
                for name, value in row.columns.items():
                    column = table.columns.setdefault(name, [])
                    if len(column) > row_number:
                        raise BadInput(f"two factors of task '{task.name}' both give the label '{name}'")
                    column.extend([None] * (row_number - len(column)))
                    column.append(value)
        for column in table.columns.values():
            column.extend([None] * (len(table.rows) - len(column)))
        maker.check()
        return table

    def _sources(self, task: Task, shared: Sequence[Space], keys: Mapping[str, str]) -> list[list[_Row]]:
        """The factors of a task's points: those of the sweep that touch it, and the space of its own."""
        sources = []
        for place, factor in enumerate(shared):
            rows = self._project(factor, place, task, keys)
            if rows is not None:
                sources.append(rows)
        if task.name in self.request.spaces:
            space = self.request.spaces[task.name]
            sources.append([_Row(_by_field(visit.values, keys), visit.labels) for visit in space.visits()])
        return sources

    def _project(self, factor: Space, place: int, task: Task, keys: Mapping[str, str]) -> list[_Row] | None:
        """What a factor of the sweep says of a task: rows, or None where it says nothing.

        A factor that assigns point by point to several tasks ties their rows together by the number of the point.
        """
        owners = {one for name in factor.names() for one in self._names.find(name).param.tasks}
        if task.name not in owners:
            return None
        tie = len(owners) > 1 and not isinstance(factor, Axis)
        rows: list[_Row] = []
        for number, visit in enumerate(factor.visits()):
            columns = {**visit.labels, f"#{place}": number} if tie else visit.labels
            rows.append(_Row(_by_field(visit.values, keys), columns))
        return rows


@dataclass(frozen=True)
class _Row:
    values: dict[Path, Any]
    columns: dict[str, Any]


def _by_field(values: Mapping[str, Any], keys: Mapping[str, str]) -> dict[Path, Any]:
    """The values that are a task's own, under the paths of its fields; keys are full names."""
    found: dict[Path, Any] = {}
    for name, value in values.items():
        if name in keys:
            found[keys[name],] = value
            continue
        for key, field_name in keys.items():
            if name.startswith(f"{key}."):
                found[field_name, *name[len(key) + 1 :].split(".")] = value
    return found

"""The rows of the tasks of a plan, and what each row knows: the parameters of everything that it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from quadrat.core.errors import BadInput, unknown
from quadrat.core.names import Found, Names
from quadrat.core.task import Point, Task
from quadrat.core.trees import Path
from quadrat.plan.domain import Domains
from quadrat.plan.own import OwnPoints
from quadrat.plan.relation import Column, Groups, Relation


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


class Tables:
    """The rows of the tasks that are planned so far.

    Args:
        names: the study's resolver.

    Attributes:
        done: the rows by task.
        labels: the values of labels.
        domains: the values of parameters.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.done: dict[str, TaskRows] = {}
        self.labels = Domains()
        self.domains = Domains()

    def available(self, rows: Relation, points: OwnPoints | None = None) -> dict[str, str]:
        """The parameters that the rows know, and where from: a task's runs, "" for a column of their own."""
        found = {name[2:]: "" for name in rows.columns if name.startswith("p:")}
        tasks = [name[1:] for name in rows.columns if name.startswith("@")]
        if points is not None and "$own" in rows.columns:
            found |= dict.fromkeys(points.keys, "$own")
        for task in tasks:
            for name in self.done[task].task.fields:
                found.setdefault(self.names.own(task, name).key, task)
        return found

    def column(self, rows: Relation, key: str, points: OwnPoints | None = None, path: Path = ()) -> Column:
        """The codes of a parameter (or of what lies at a path inside it) in each row."""
        chain = self.available(rows, points)
        full = ".".join((key, *path))
        if full in chain:
            key, path = full, ()
        source = chain[key]
        if source == "":
            codes = rows.columns[f"p:{key}"]
            return pick(self.domains.inner(key, path), codes) if path else codes
        if source == "$own" and points is not None:
            return points.codes(key, path)[rows.columns["$own"]]
        made = self.done[source]
        codes = self._point_codes(made, key, path)
        run = rows.columns[f"@{source}"]
        return np.where(run < 0, np.int32(-1), codes[made.point[run]])

    def shared(self, left: Mapping[str, str], right: Mapping[str, str]) -> list[tuple[str, Path]]:
        """The parameters, and fields inside parameters, that two chains both know; a whole goes before its parts."""
        found: list[tuple[str, Path]] = []
        for name in dict.fromkeys([*left, *right]):
            key, path = self._split(name)
            if all(name in chain or key in chain for chain in (left, right)):
                found.append((key, path))
        return found

    def off_id(self, full: str) -> bool:
        """Whether a full name is one of a parameter, or inside one, that changes no result."""
        return any(one.off_id for one in self.names if full == one.key or full.startswith(f"{one.key}."))

    def _split(self, full: str) -> tuple[str, Path]:
        """The parameter that a full name begins with, and the rest."""
        param = next(one for one in self.names if full == one.key or full.startswith(f"{one.key}."))
        return param.key, tuple(full[len(param.key) + 1 :].split(".")) if full != param.key else ()

    def _point_codes(self, made: TaskRows, key: str, path: Path) -> Column:
        """The codes of a parameter in each of the own points of a task that is done."""
        task = made.task
        name = next(name for name in task.fields if self.names.own(task.name, name).key == key)
        return self.domains.codes(key, path, (point.get(name) for point in made.points), task.name)

    def matches(self, name: str, chain: Mapping[str, str]) -> list[Found]:
        """The parameters of a chain that a name may stand for."""
        return [one for one in self.names.lookup(name) if one.param.key in chain or one.full in chain]

    def in_chain(self, name: str, chain: Mapping[str, str], task: Task) -> Found:
        """The one parameter of a task's chain that a name stands for.

        Raises:
            BadInput: for a name that none or several have.
        """
        found = self.matches(name, chain)
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(sorted(one.full for one in found))
            raise BadInput(
                f"'{name}' is ambiguous among the parameters of '{task.name}'", hint=f"write one of: {listed}"
            )
        known = sorted(chain) + [label[2:] for label in self.done[task.name].rows.columns if label.startswith("l:")]
        raise unknown(f"parameter or label of task '{task.name}':", name, known)


def pick(mapping: Column, codes: Column) -> Column:
    """Each code mapped; null stays null."""
    return np.where(codes < 0, np.int32(-1), mapping[codes]) if len(mapping) else codes

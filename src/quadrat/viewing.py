"""Views of a plan: which names its runs have, and the links behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quadrat.core.errors import BadInput, unknown
from quadrat.core.names import flatten
from quadrat.core.study import View
from quadrat.execution.graph import Key
from quadrat.plan.plan import Plan
from quadrat.session import Session
from quadrat.store.record import Record
from quadrat.store.views import link, template_names, view_name


class Linker:
    """Links the artifacts of a plan's runs under readable names.

    Raises:
        BadInput: where a view gives one name to two runs, or asks for a name that does not exist.
    """

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._names: dict[tuple[str, int], list[tuple[View, str]]] = {}
        self._linked: dict[str, str] = {}
        for view in session.study.views:
            if view.task in plan.tasks:
                self._name(view)

    @property
    def made(self) -> list[str]:
        """The names that there are links for, a folder with a star for a template that gave many."""
        by_template: dict[str, list[str]] = {}
        for name, template in self._linked.items():
            by_template.setdefault(template, []).append(name)
        return [
            names[0] if len(names) == 1 else f"{template.split('{')[0].rpartition('/')[0]}/* ({len(names)})"
            for template, names in by_template.items()
        ]

    def check(self) -> None:
        """Make sure that no two runs have one name."""
        taken: dict[str, Key] = {}
        for key, views in self._names.items():
            for view, name in views:
                if name in taken and taken[name] != key:
                    differ = self._difference(taken[name], key)
                    raise BadInput(
                        f"view '{view.template}' gives the name '{name}' to two runs of '{view.task}'",
                        hint=f"they differ in {differ}: put it into the template",
                    )
                taken[name] = key

    def _difference(self, one: Key, other: Key) -> str:
        first, second = (self._values(key[0], key[1]) for key in (one, other))
        return ", ".join(name for name in first if "." not in name and first[name] != second.get(name) and name != "id")

    def _name(self, view: View) -> None:
        plan = self._plan.tasks[view.task]
        wanted = template_names(view.template)
        for run in range(plan.size):
            values = self._values(view.task, run)
            for name in wanted:
                if name not in values:
                    error = unknown("name", name, sorted(values))
                    raise BadInput(f"{error.message} in the view '{view.template}'", hint=error.hint)
            self._names.setdefault((view.task, run), []).append((view, view_name(view.template, values)))

    def _values(self, task: str, run: int) -> Mapping[str, Any]:
        """Everything that a template may ask for: parameters of the chain, ids, labels."""
        return plan_values(self._plan, task, run)

    def link_finished(self) -> None:
        """Make the links of all finished runs."""
        self._session.store.refresh()
        index = self._session.store.index
        finished = index.finished(frozenset(), {})
        for (task, run), views in self._names.items():
            if not views:
                continue
            row = int(finished.find([self._plan.tasks[task].ids[run]])[0])
            if row >= 0:
                self._link(index.record(row), views)

    def link(self, key: Key, attempt: int) -> None:
        """Make the links of a run that has just been finished."""
        views = self._names.get(key)
        if views:
            id = self._plan.tasks[key[0]].ids[key[1]].hex()
            record = self._session.store.newest(id)
            if record is not None:
                self._link(record, views)

    def _link(self, record: Record, views: list[tuple[View, str]]) -> None:
        store = self._session.store
        for view, name in views:
            artifact = record.artifacts.get(view.artifact)
            if artifact is not None and (store.folder(record) / artifact.path).exists():
                link(store.folder(record) / artifact.path, store.root / name, record.started + record.seconds)
                self._linked[name] = view.template


def plan_values(plan: Plan, task: str, run: int) -> dict[str, Any]:
    """The values of a run by every name that is unambiguous: `id`, `target.id`, `seed`, `train.seed`, `model.depth`."""
    made = plan.tasks[task].made
    rows = made.rows
    row = int((rows.columns[f"@{task}"] == run).argmax())
    values: dict[str, Any] = {"id": plan.tasks[task].ids[run].hex()}
    for name, column in rows.columns.items():
        if name.startswith("@") and column[row] >= 0:
            values[f"{name[1:]}.id"] = plan.tasks[name[1:]].ids[column[row]].hex()
        elif name.startswith("l:"):
            values[name[2:]] = plan.builder.labels.values(name[2:], column[row : row + 1])[0]
    chain = plan.builder.available(rows)
    short = plan.names.display(chain)
    for key in chain:
        code = plan.builder.column(rows.take(_at(row)), key)
        value = plan.builder.domains.values(key, code)[0]
        for name in {key, short[key]}:
            values |= flatten(value, name)
            values.setdefault(name, value)
    return values


def _at(row: int) -> Any:
    import numpy as np

    return np.array([row], dtype=np.int64)

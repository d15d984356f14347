"""Views of a plan: which names its runs have, and the links behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quadrat.core.errors import BadInput, unknown
from quadrat.core.study import View
from quadrat.execution.graph import Key
from quadrat.plan.plan import Plan
from quadrat.session import Session
from quadrat.store.record import Record
from quadrat.store.views import link, template_names, view_name


@dataclass(frozen=True)
class _Named:
    """A view with what its template asks for: for each name a value per run of the task."""

    view: View
    columns: dict[str, list[Any]]

    def name(self, run: int, id: str | None = None) -> str:
        """The name of a run; `id` in place of the planned one, where a gather closed without some members."""
        values = {name: column[run] for name, column in self.columns.items()}
        if id is not None and "id" in values:
            values["id"] = id
        return view_name(self.view.template, values)


class Linker:
    """Links the artifacts of a plan's runs under readable names.

    Raises:
        BadInput: where a view asks for a name that does not exist.
    """

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._linked: dict[str, str] = {}
        self._named: dict[str, list[_Named]] = {}
        for view in session.study.views:
            if view.task in plan.tasks:
                columns = {name: _column(plan, view, name) for name in template_names(view.template)}
                self._named.setdefault(view.task, []).append(_Named(view, columns))

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
        """Make sure that no two runs have one name.

        Raises:
            BadInput: where they have.
        """
        taken: dict[str, Key] = {}
        for task, views in self._named.items():
            for named in views:
                for run in range(self._plan.tasks[task].size):
                    name = named.name(run)
                    other = taken.setdefault(name, (task, run))
                    if other != (task, run):
                        differ = self._difference(other, (task, run))
                        raise BadInput(
                            f"view '{named.view.template}' gives the name '{name}' to two runs of '{task}'", hint=differ
                        )

    def _difference(self, one: Key, other: Key) -> str:
        if one[0] != other[0]:
            return f"the other one is a run of '{one[0]}'"
        rows, columns = self._plan.chain_columns(one[0])
        first, second = (int((rows.columns[f"@{task}"] == run).argmax()) for task, run in (one, other))
        short = self._plan.names.display(columns)
        names = [short[key] for key, column in columns.items() if column[first] != column[second]]
        return f"they differ in {', '.join(names)}: put it into the template"

    def link_finished(self) -> None:
        """Make the links of all runs that are finished as they were planned."""
        if not self._named:
            return
        self._session.store.refresh()
        index = self._session.store.index
        finished = index.finished(frozenset(), {})
        for task, views in self._named.items():
            found = finished.find(self._plan.tasks[task].ids)
            for run in np.flatnonzero(found >= 0).tolist():
                for named in views:
                    self._link(index.record(int(found[run])), named, named.name(run))

    def link(self, key: Key, id: str) -> None:
        """Make the links of a run that has just been finished, under the id that it has got."""
        views = self._named.get(key[0])
        record = self._session.store.newest(id) if views else None
        for named in views or ():
            if record is not None:
                self._link(record, named, named.name(key[1], id))

    def _link(self, record: Record, named: _Named, name: str) -> None:
        store = self._session.store
        artifact = record.artifacts.get(named.view.artifact)
        if artifact is not None and (store.folder(record) / artifact.path).exists():
            link(store.folder(record) / artifact.path, store.root / name, record.started + record.seconds)
            self._linked[name] = named.view.template


def _column(plan: Plan, view: View, name: str) -> list[Any]:
    """A template's name for each run: `id`, `target.id`, a label, or a parameter by any name that it has."""
    one = plan.tasks[view.task]
    rows = one.made.rows
    if name == "id":
        return [id.hex() for id in one.ids]
    # A run may have several rows, which differ in labels at most: its first one speaks for it.
    first = np.unique(rows.columns[f"@{view.task}"], return_index=True)[1]
    above = name.removesuffix(".id")
    if above != name and f"@{above}" in rows.columns:
        ids = plan.tasks[above].ids
        return ["" if run < 0 else ids[run].hex() for run in rows.columns[f"@{above}"][first].tolist()]
    if f"l:{name}" in rows.columns:
        return plan.builder.labels.values(name, rows.columns[f"l:{name}"][first])
    chain = plan.builder.available(rows)
    found = plan.builder.matches(name, chain)
    if len(found) == 1:
        codes = plan.builder.column(rows.take(first), found[0].param.key, path=found[0].path)
        return plan.builder.domains.values(found[0].full, codes)
    where = f"the view '{view.template}'"
    if found:
        listed = ", ".join(sorted(one.full for one in found))
        raise BadInput(f"'{name}' is ambiguous", where=where, hint=f"write one of: {listed}")
    labels = [label[2:] for label in rows.columns if label.startswith("l:")]
    ids_of = [f"{task[1:]}.id" for task in rows.columns if task.startswith("@")]
    raise unknown("name", name, sorted({"id", *ids_of, *labels, *plan.names.display(chain).values()}), where=where)

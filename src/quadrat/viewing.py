"""Views of a plan: which names its runs have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quadrat.core.errors import BadInput, unknown
from quadrat.core.study import View
from quadrat.execution.graph import Key
from quadrat.plan.plan import Plan
from quadrat.store.views import NamedView, template_names


def named_views(plan: Plan) -> dict[str, list[NamedView]]:
    """For each task of a plan its views, with what their templates ask for.

    Raises:
        BadInput: where a view asks for a name that does not exist, or gives one name to two runs.
    """
    named: dict[str, list[NamedView]] = {}
    for view in plan.study.views:
        if view.task in plan.tasks:
            columns = {name: _column(plan, view, name) for name in template_names(view.template)}
            named.setdefault(view.task, []).append(NamedView(view.template, view.artifact, columns))
    check_names(plan, named)
    return named


def check_names(plan: Plan, named: Mapping[str, Sequence[NamedView]]) -> None:
    """Make sure that no two runs have one name.

    Raises:
        BadInput: where they have.
    """
    taken: dict[str, Key] = {}
    for task, views in named.items():
        for view in views:
            for run in range(plan.tasks[task].size):
                name = view.name(run)
                other = taken.setdefault(name, (task, run))
                if other != (task, run):
                    raise BadInput(
                        f"view '{view.template}' gives the name '{name}' to two runs of '{task}'",
                        hint=_difference(plan, other, (task, run)),
                    )


def _difference(plan: Plan, one: Key, other: Key) -> str:
    if one[0] != other[0]:
        return f"the other one is a run of '{one[0]}'"
    rows, columns = plan.chain_columns(one[0])
    first, second = (int((rows.columns[f"@{task}"] == run).argmax()) for task, run in (one, other))
    short = plan.names.display(columns)
    names = [short[key] for key, column in columns.items() if column[first] != column[second]]
    return f"they differ in {', '.join(names)}: put it into the template"


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

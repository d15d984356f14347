"""From a session to a signac workspace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydantic_core

from quadrat.core.errors import BadInput, unknown
from quadrat.core.study import Study
from quadrat.plan.plan import Plan, Reason
from quadrat.plan.relation import first_seen
from quadrat.querying.chain import chain_tasks
from quadrat.results.signac import Exported, Job, export
from quadrat.session import Session
from quadrat.store.record import Record


def leaf_task(study: Study) -> str:
    """The task whose runs stand for whole chains: the last one that gathers nothing, and reads nothing that gathers.

    Raises:
        BadInput: for a study in which every task gathers.
    """
    gathering: set[str] = set()
    for task in study.order:
        if any(one.many or one.name in gathering for one in task.inputs):
            gathering.add(task.name)
    single = [task.name for task in study.order if task.name not in gathering]
    if not single:
        raise BadInput(f"every task of '{study.name}' gathers runs", hint="say which with --task")
    # The longest chain: a task at whose side another one ends is no better than the one that reads most.
    return max(single, key=lambda name: (len(chain_tasks(study, name)), single.index(name)))


def export_signac(session: Session, out: Path, *, task: str | None = None, copy: bool = False) -> tuple[str, Exported]:
    """Write the finished runs of a task as a signac project: one job per run.

    The state point holds the parameters of the chain by their shortest unambiguous names; the document the metrics of
    the chain, the run ids (`runs`) and labels (`labels`); the folder the artifacts of the chain.

    Args:
        session: the study, its store and the request whose plan is meant.
        out: the project's folder.
        task: which task; the last one of the longest chain without gathers where it is not said.
        copy: copy artifacts in place of linking them.

    Returns:
        The task, and what was done.

    Raises:
        BadInput: for a task that does not exist, nothing finished, or a folder that cannot be written.
    """
    if task is not None and task not in session.study.tasks:
        raise unknown("task", task, list(session.study.tasks))
    task = task or leaf_task(session.study)
    session = replace(session, request=replace(session.request, only=None, to=task, rerun=("none",)))
    plan = session.plan()
    one = plan.tasks[task]
    done = (one.found >= 0) & (one.reason != Reason.UPSTREAM)
    if not done.any():
        raise BadInput(f"no run of '{task}' is finished", hint=f"run them: quadrat run {session.study.name}")
    return task, export(_jobs(session, plan, task), out, copy=copy)


def _jobs(session: Session, plan: Plan, task: str) -> Iterator[Job]:
    rows, chain = plan.chain_columns(task)
    one = plan.tasks[task]
    short = plan.names.display(chain)
    tables = {key: [jsonable(value) for value in plan.builder.domains.table(key)] for key in chain}
    first, _ = first_seen(rows.columns[f"@{task}"].astype(np.int64))
    tasks = [name for name in chain_tasks(session.study, task) if f"@{name}" in rows.columns]
    index = session.store.index
    labels = _labels(plan, task)
    for row in first.tolist():
        run = int(rows.columns[f"@{task}"][row])
        if one.found[run] < 0 or one.reason[run] == Reason.UPSTREAM:
            continue
        state = {short[key]: _value(tables[key], int(codes[row])) for key, codes in chain.items()}
        records: dict[str, Record] = {}
        for name in tasks:
            place = int(rows.columns[f"@{name}"][row])
            if place >= 0 and plan.tasks[name].found[place] >= 0:
                records[name] = index.record(int(plan.tasks[name].found[place]))
        files = [
            (name, artifact.path, session.store.folder(record) / artifact.path)
            for name, record in records.items()
            for artifact in record.artifacts.values()
            if not artifact.temp
        ]
        yield Job(one.ids[run].hex(), state, _document(records, labels.get(run, {})), files)


def _document(records: dict[str, Record], labels: dict[str, list[Any]]) -> dict[str, Any]:
    """Metrics by the shortest name that is unambiguous, ids, labels."""
    names = [metric for record in records.values() for metric in record.scalars]
    document: dict[str, Any] = {}
    for task, record in records.items():
        for metric, value in record.scalars.items():
            plain = names.count(metric) == 1 and metric not in ("runs", "labels", *records)
            document[metric if plain else f"{task}.{metric}"] = value
    document["runs"] = {task: record.id for task, record in records.items()}
    if labels:
        document["labels"] = labels
    return document


def _labels(plan: Plan, task: str) -> dict[int, dict[str, list[Any]]]:
    """The labels that each run has."""
    rows = plan.tasks[task].made.rows
    found: dict[int, dict[str, list[Any]]] = {}
    for name in [column for column in rows.columns if column.startswith("l:")]:
        values = plan.builder.labels.values(name[2:], rows.columns[name])
        for run, value in zip(rows.columns[f"@{task}"].tolist(), values, strict=True):
            kept = found.setdefault(run, {}).setdefault(name[2:], [])
            if value not in kept:
                kept.append(jsonable(value))
    return found


def jsonable(value: Any) -> Any:
    """A parameter's value as JSON can hold it; trees stay trees."""
    return pydantic_core.to_jsonable_python(value, inf_nan_mode="constants", fallback=str)


def _value(table: list[Any], code: int) -> Any:
    return None if code < 0 else table[code]

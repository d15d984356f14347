"""Freeze a plan in the store, with the study's code: what other processes run, now or hours later, by its name."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.snapshot import snapshot
from quadrat.execution.graph import family
from quadrat.plan.frozen import Frozen, Kin, freeze, pack
from quadrat.plan.plan import Plan, TaskPlan
from quadrat.recording import make_context
from quadrat.session import Session
from quadrat.store import plans
from quadrat.store.views import NamedView
from quadrat.viewing import named_views


def freeze_plan(
    session: Session, plan: Plan, *, views: dict[str, list[NamedView]] | None = None, partial: bool = False
) -> str:
    """Keep a plan and a snapshot of its study's code in the store; returns the plan's name.

    Args:
        session: what the plan was made of.
        plan: the plan.
        views: for each task the views that its runs get; None for those that the study declares.
        partial: gathers go on without members that failed.

    Raises:
        BadInput: for a study without a file, or views that give one name twice.
        StoreError: where the store cannot be written.
    """
    code = snapshot(session.study, session.loaded.ref)
    named = named_views(plan) if views is None else views
    session.store.prepare()
    told, arrays = pack(frozen_plan(session, plan))
    told["context"] = dataclasses.asdict(make_context(session, plan, ""))
    told["context"]["study"] = dataclasses.asdict(code.ref)
    told["partial"] = partial
    told["views"] = {task: [dataclasses.asdict(one) for one in views] for task, views in named.items()}
    return plans.keep(session.store.layout, told, arrays, code.digest(), code.write)


def frozen_plan(session: Session, plan: Plan) -> Frozen:
    """A plan as plain values; nothing is written."""
    attempts = {name: _attempts(session, one) for name, one in plan.tasks.items()}
    kin = {name: _kin(session, plan, one) for name, one in plan.tasks.items() if one.task.extends is not None}
    return freeze(plan, attempts, kin)


def _attempts(session: Session, one: TaskPlan) -> NDArray[np.int32]:
    attempts = np.zeros(one.size, np.int32)
    known = one.found >= 0
    if known.any():
        attempts[known] = session.store.index.light["attempt"][one.found[known]]
    return attempts


def _kin(session: Session, plan: Plan, one: TaskPlan) -> Kin:
    """The families of a task's runs, and the finished runs of the store that belong to them."""
    families: Any = [int.from_bytes(family(plan, one.task.name, run)[:8], "big") for run in range(one.size)]
    numbers = np.array(families, np.uint64)
    light = session.store.index.light
    rows = np.flatnonzero(np.isin(light["family"], numbers) & (light["family"] != 0))
    planned = set(one.ids)
    ids = [int(light["high"][row]).to_bytes(8, "big") + int(light["low"][row]).to_bytes(8, "big") for row in rows]
    others = [place for place, id in enumerate(ids) if id not in planned]
    return Kin(numbers, light["family"][rows][others], [ids[place] for place in others])

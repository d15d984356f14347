"""The plan: the runs that a request needs, in order, each with the reason why it must run or why it needs not."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.errors import BadInput
from quadrat.core.finished import Finished
from quadrat.core.identity import inputs_digest
from quadrat.core.names import Names, flatten
from quadrat.core.points import TaskPoints
from quadrat.core.study import Study
from quadrat.core.task import Point, Task
from quadrat.plan.own import OwnPoints
from quadrat.plan.relation import Column, Groups, Relation
from quadrat.plan.rows import Keep, RowBuilder
from quadrat.plan.tables import TaskRows


class Reason(enum.IntEnum):
    """Why a run is finished or must run."""

    FINISHED = 0
    NEW = 1
    FAILED = 2
    OUTDATED = 3
    UPSTREAM = 4
    RECREATE = 5
    ASKED = 6
    HELD = 7
    ABSENT = 8

    @property
    def text(self) -> str:
        """How people read it."""
        return REASON_TEXTS[self]


REASON_TEXTS = {
    Reason.FINISHED: "finished",
    Reason.NEW: "new",
    Reason.FAILED: "failed before",
    Reason.OUTDATED: "outdated: code changed",
    Reason.UPSTREAM: "upstream",
    Reason.RECREATE: "recreate",
    Reason.ASKED: "rerun asked for",
    Reason.HELD: "failed before, not tried again",
    Reason.ABSENT: "not finished, left to others",
}

RERUN_KINDS = ("failed", "outdated", "all", "none")


@dataclass
class TaskPlan:
    """The runs of one task.

    Attributes:
        made: rows, points, upstreams and ids.
        reason: a `Reason` for each run.
        stale: finished runs whose code has changed since (they stay finished unless asked for).
        found: where each run stands among the finished ones of the store, or -1.
        active: whether the request runs this task at all (`--only` plans its upstreams but does not run them).
    """

    made: TaskRows
    reason: NDArray[np.uint8]
    stale: NDArray[np.bool_]
    found: NDArray[np.int64]
    active: bool = True

    @property
    def task(self) -> Task:
        """The task."""
        return self.made.task

    @property
    def ids(self) -> Sequence[bytes]:
        """The run ids, 16 bytes each."""
        return self.made.ids

    @property
    def size(self) -> int:
        """How many runs."""
        return len(self.made.ids)

    @property
    def to_run(self) -> NDArray[np.bool_]:
        """For each run whether it must run."""
        return ~np.isin(self.reason, (Reason.FINISHED, Reason.HELD, Reason.ABSENT))

    def counts(self) -> dict[str, int]:
        """Runs, and how many are finished, to run, failed before, and outdated."""
        return {
            "runs": self.size,
            "finished": int(np.count_nonzero(self.reason == Reason.FINISHED)),
            "to_run": int(np.count_nonzero(self.to_run)) if self.active else 0,
            "failed": int(np.count_nonzero((self.reason == Reason.FAILED) | (self.reason == Reason.HELD))),
            "outdated": int(np.count_nonzero(self.stale)),
        }


@dataclass
class Plan:
    """A frozen plan of a study. Nothing in it changes when files change.

    Attributes:
        study: its name.
        tasks: the plan of each task, upstreams first.
        names: the resolver of names.
        settings: the values of the study's settings.
    """

    study: Study
    tasks: dict[str, TaskPlan]
    names: Names
    builder: RowBuilder
    settings: Mapping[str, Any] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """The counts of the whole study and of each task, as `--json` gives them."""
        tasks = [{"task": name, **plan.counts()} for name, plan in self.tasks.items() if plan.active]
        total = {key: sum(one[key] for one in tasks) for key in ("runs", "finished", "to_run", "failed", "outdated")}  # type: ignore[misc]
        return {"study": self.study.name, **total, "tasks": tasks}

    def upstream_ids(self, task: str, run: int) -> dict[str, Any]:
        """The ids of a run's upstreams by argument: text, a list of texts for a gather, None where it needs none."""
        made = self.tasks[task].made
        found: dict[str, Any] = {}
        for one in made.task.inputs:
            place = int(made.upstream[one.name][run])
            ids = self.tasks[one.name].ids
            if place < 0:
                found[one.name] = None
            elif one.many:
                found[one.name] = [ids[member].hex() for member in made.groups[one.name].of(place)]
            else:
                found[one.name] = ids[place].hex()
        return found

    def items(self) -> Iterator[dict[str, Any]]:
        """Every run as `plan --list --json` gives it."""
        for name, plan in self.tasks.items():
            if not plan.active:
                continue
            for run in range(plan.size):
                yield {
                    "id": plan.ids[run].hex(),
                    "task": name,
                    "params": self.params(name, run),
                    "upstream": self.upstream_ids(name, run),
                    "reason": Reason(plan.reason[run]).text,
                }

    def params(self, task: str, run: int) -> dict[str, Any]:
        """The own params of a run, trees flattened to dotted names."""
        made = self.tasks[task].made
        return own_values(made.points[made.point[run]])

    def chain_columns(self, task: str) -> tuple[Relation, dict[str, Column]]:
        """The rows of a task, and for each parameter of its chain the codes in them."""
        made = self.tasks[task].made
        chain = self.builder.available(made.rows)
        order = {param.key: place for place, param in enumerate(self.names)}
        keys = sorted(chain, key=lambda key: order.get(key, len(order)))
        return made.rows, {key: self.builder.column(made.rows, key) for key in keys}


def own_values(point: Point) -> dict[str, Any]:
    """The fields of a point, trees flattened to dotted names."""
    found: dict[str, Any] = {}
    for name, value in point.values().items():
        found |= flatten(value, name)
    return found


@dataclass(frozen=True)
class Wish:
    """What of a study is wanted.

    Attributes:
        only: run these tasks alone; their upstreams must be finished.
        to: run up to these tasks.
        rerun: which finished or failed runs to run again (see RERUN_KINDS).
        where: tests on parameters and labels: (name, test, text).
        partial: gathers go on without members that failed, whatever they declare.
    """

    only: tuple[str, ...] | None = None
    to: tuple[str, ...] | None = None
    rerun: frozenset[str] = frozenset({"failed"})
    where: tuple[tuple[str, Callable[[Any], bool], str], ...] = ()
    partial: bool = False


def needed_tasks(study: Study, wish: Wish) -> list[Task]:
    """The tasks whose rows a request needs, upstreams first."""
    wanted = wish.only if wish.only is not None else wish.to
    if wanted is None:
        return study.order
    names = study.upstreams(wanted)
    return [task for task in study.order if task.name in names]


def build_plan(
    study: Study,
    names: Names,
    points: Mapping[str, TaskPoints],
    wish: Wish,
    finished: Finished,
    fingerprints: Mapping[str, str],
    settings: Mapping[str, Any],
    *,
    lacks_temps: Callable[[TaskPlan, Sequence[int]], NDArray[np.bool_]] | None = None,
) -> Plan:
    """Plan a request.

    Args:
        study: the study.
        names: its resolver.
        points: the own points of each needed task.
        wish: what is wanted.
        finished: what the store holds.
        fingerprints: the present code of each task.
        settings: the values of the study's settings.
        lacks_temps: of finished runs of a task with temporary artifacts, which lack them by now.

    Raises:
        BadInput: for a selection that nothing passes, or gathers that refer to what is not there.
    """
    builder = RowBuilder(names, settings, partial=wish.partial)
    keep = _keep(names, wish)
    plan = Plan(study, {}, names, builder, settings)
    for task in needed_tasks(study, wish):
        made = builder.add(task, points[task.name], keep)
        active = wish.only is None or task.name in wish.only
        plan.tasks[task.name] = _reasons(made, plan, wish, finished, fingerprints, active)
        builder.dead[task.name] = _dead(plan.tasks[task.name], builder)
    _mark_recreate(plan, lacks_temps)
    return plan


def _keep(names: Names, wish: Wish) -> Keep:
    """The filter of rows that `--where` asks for."""

    def keep(builder: RowBuilder, rows: Relation, points: OwnPoints) -> NDArray[np.bool_]:
        mask = np.ones(rows.size, dtype=bool)
        for name, test, _ in wish.where:
            if f"l:{name}" in rows.columns:
                values: list[Any] = builder.labels.values(name, rows.columns[f"l:{name}"])
                mask &= np.fromiter(map(test, values), bool, rows.size)
                continue
            chain = builder.available(rows, points)
            found = [one for one in names.lookup(name) if one.param.key in chain]
            if len(found) > 1:
                raise BadInput(f"'{name}' is ambiguous", hint=f"write one of: {', '.join(one.full for one in found)}")
            if found:
                codes = builder.column(rows, found[0].param.key, points, found[0].path)
                table = builder.domains.table(found[0].full)
                passing = np.array([*(test(value) for value in table), test(None)], dtype=bool)
                mask &= passing[codes]
        return mask

    return keep


def _reasons(
    made: TaskRows, plan: Plan, wish: Wish, finished: Finished, fingerprints: Mapping[str, str], active: bool
) -> TaskPlan:
    task = made.task
    found = finished.find(made.ids)
    known = found >= 0
    reason = np.where(known, Reason.FINISHED, Reason.NEW).astype(np.uint8)
    if finished.failed:
        failed = np.fromiter((one in finished.failed for one in made.ids), bool, made.size) & ~known
        reason[failed] = Reason.FAILED if {"failed", "all"} & wish.rerun else Reason.HELD
    fresh = finished.fresh(task.name, fingerprints.get(task.name, ""))
    stale = np.zeros(made.size, dtype=bool)
    if len(fresh):
        stale[known] = ~fresh[finished.code[found[known]]]
    task_plan = TaskPlan(made, reason, stale, found, active)
    if not active:
        return task_plan
    if "outdated" in wish.rerun:
        reason[stale] = Reason.OUTDATED
        task_plan.stale = np.zeros(made.size, dtype=bool)
    if "all" in wish.rerun:
        reason[known] = Reason.ASKED
    _mark_upstream(task_plan, plan, finished)
    return task_plan


def _dead(one: TaskPlan, builder: RowBuilder) -> NDArray[np.bool_]:
    """The runs that will not be finished: failed and not to be tried again, or in need of such a one."""
    dead: NDArray[np.bool_] = one.reason == Reason.HELD
    for link in one.task.inputs:
        if builder.dead[link.name].any():
            dead |= any_upstream(one.made, link.name, link.many, builder.dead[link.name]) & (one.found < 0)
    return dead


def _mark_upstream(one: TaskPlan, plan: Plan, finished: Finished) -> None:
    """Finished runs must run again where what they read is made again, or was since they read it."""
    if not one.task.inputs:
        return
    again = np.zeros(one.size, dtype=bool)
    for link in one.task.inputs:
        above = plan.tasks[link.name]
        moved = above.to_run & (above.found >= 0) if above.active else np.zeros(above.size, dtype=bool)
        if moved.any():
            again |= any_upstream(one.made, link.name, link.many, moved)
    done = one.reason == Reason.FINISHED
    rerun = finished.attempt.max(initial=1) > 1
    if rerun:
        again |= done & ~inputs_current(one, plan, finished)
    one.reason[again & done] = Reason.UPSTREAM


def any_upstream(made: TaskRows, name: str, many: bool, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each run whether one of its upstreams of this argument is in the mask."""
    place = made.upstream[name]
    if not many:
        return np.append(mask, False)[place]
    groups: Groups = made.groups[name]
    hit = np.add.reduceat(np.append(mask[groups.members], False).astype(np.int64), groups.starts[:-1]) > 0
    return np.append(hit, False)[place]


def inputs_current(one: TaskPlan, plan: Plan, finished: Finished) -> NDArray[np.bool_]:
    """For each run whether the results that it read are those that its upstreams have now."""
    current = np.ones(one.size, dtype=bool)
    if finished.inputs is None:
        return current
    for run in np.flatnonzero(one.found >= 0):
        digests: list[int] = []
        for link in one.task.sorted_inputs:
            above = plan.tasks[link.name]
            place = int(one.made.upstream[link.name][run])
            members = [] if place < 0 else one.made.groups[link.name].of(place) if link.many else [place]
            digests.extend(int(finished.digest[above.found[member]]) for member in members if above.found[member] >= 0)
        current[run] = int(finished.inputs[one.found[run]]) == inputs_digest(digests)
    return current


def _mark_recreate(plan: Plan, lacks_temps: Callable[[TaskPlan, Sequence[int]], NDArray[np.bool_]] | None) -> None:
    """Finished runs whose temporary artifacts are gone must run again where a reader of them has to run."""
    if lacks_temps is None:
        return
    for one in reversed(plan.tasks.values()):
        if not one.task.temps or not one.active:
            continue
        read = np.zeros(one.size, dtype=bool)
        for below in plan.tasks.values():
            for link in below.task.inputs:
                if link.name == one.task.name and below.active:
                    read |= read_by(below, link.name, link.many, below.to_run, one.size)
        wanted = np.flatnonzero(read & (one.reason == Reason.FINISHED))
        if len(wanted):
            lost = lacks_temps(one, wanted.tolist())
            one.reason[wanted[lost]] = Reason.RECREATE


def read_by(below: TaskPlan, name: str, many: bool, mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Which upstream runs are read by the runs of a task that are in the mask."""
    read = np.zeros(size, dtype=bool)
    place = below.made.upstream[name][mask]
    place = place[place >= 0]
    if not many:
        read[place] = True
        return read
    groups = below.made.groups[name]
    for group in np.unique(place):
        read[groups.of(int(group))] = True
    return read

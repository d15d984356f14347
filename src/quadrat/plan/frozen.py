"""A plan as plain values, which another process makes the same plan of: on a node of a cluster, hours later.

It is cut to what a process needs: the runs of its share, and what these read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pydantic_core
from numpy.typing import NDArray

from quadrat.core.finished import Finished
from quadrat.core.identity import ID_BYTES
from quadrat.core.names import Names
from quadrat.core.resources import Resources
from quadrat.core.study import Study
from quadrat.core.task import Task
from quadrat.plan.plan import Plan, Reason, TaskPlan, any_upstream, inputs_current
from quadrat.plan.relation import Column, Groups, Index, Relation
from quadrat.plan.rows import RowBuilder
from quadrat.plan.tables import TaskRows

Ids = NDArray[np.uint8]
"""Run ids as rows of 16 bytes."""

Runs = Mapping[str, NDArray[np.int64]]
"""Runs of a plan: for each task their places."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class FrozenGroups:
    """The groups of a gathered argument, as `Groups` has them."""

    starts: Index
    members: Column
    ids: Ids
    dropped: Index
    values: list[dict[str, Any]]


@dataclass(frozen=True)
class FrozenTask:
    """The runs of one task.

    Attributes:
        name, active, resources: of the task in this plan.
        points: distinct own params as JSON texts.
        point, ids, reason: for each run.
        attempt: the attempt that was finished when the plan was frozen; 0 for none.
        family: for a task that extends, a number for each run: runs with equal ones differ in their length only.
        upstream, groups: by argument.
        kin: finished runs that are not in the plan, which runs of it may be continued from.
        kin_family: their families.
        mine: which runs are to be done here; the others are only read. None for all.
    """

    name: str
    active: bool
    resources: dict[str, Any]
    points: list[str]
    point: Column
    ids: Ids
    reason: NDArray[np.uint8]
    attempt: NDArray[np.int32]
    family: NDArray[np.uint64]
    upstream: dict[str, Column]
    groups: dict[str, FrozenGroups]
    kin: Ids
    kin_family: NDArray[np.uint64]
    mine: NDArray[np.bool_] | None = None

    @property
    def to_do(self) -> NDArray[np.bool_]:
        """For each run whether it had to be run when the plan was frozen."""
        due = ~np.isin(self.reason, (Reason.FINISHED, Reason.HELD, Reason.ABSENT))
        return due if self.active else np.zeros(len(self.ids), dtype=bool)

    def hex_ids(self) -> list[str]:
        """The ids as text."""
        return [one.hex() for one in as_bytes(self.ids)]


@dataclass(frozen=True)
class Frozen:
    """A frozen plan: the study's name, and its tasks, upstreams first."""

    study: str
    tasks: dict[str, FrozenTask] = field(default_factory=dict)

    def cut(self, runs: Runs) -> Frozen:
        """The part that a process needs which is to do some runs.

        These, their shorter kin, their upstreams, and what those stand on as far as that was still to be run: a run
        that is not there may be so because something above it has failed.
        """
        mine = {name: np.zeros(len(one.ids), dtype=bool) for name, one in self.tasks.items()}
        for name, places in runs.items():
            mine[name][places] = True
        kept = {name: mask.copy() for name, mask in mine.items()}
        for one in reversed(self.tasks.values()):
            if len(one.family):
                kept[one.name] |= np.isin(one.family, one.family[mine[one.name]])
            known = _known(one, kept[one.name], mine[one.name])
            for argument, place in one.upstream.items():
                above = np.unique(place[known])
                above = above[above >= 0]
                if argument in one.groups:
                    groups = one.groups[argument]
                    for group in above.tolist():
                        kept[argument][groups.members[groups.starts[group] : groups.starts[group + 1]]] = True
                else:
                    kept[argument][above] = True
        return Frozen(self.study, {name: _taken(one, kept, mine[name]) for name, one in self.tasks.items()})

    def read_out(self, name: str, done: Set[bytes]) -> list[bytes]:
        """The runs of a task that some run of the plan reads, and all whose readers are done.

        Args:
            name: the task.
            done: the ids of runs that are finished.
        """
        read = np.zeros(len(self.tasks[name].ids), dtype=bool)
        open_ = read.copy()
        for below in self.tasks.values():
            place = below.upstream.get(name)
            if place is None:
                continue
            waits = np.fromiter((id not in done for id in as_bytes(below.ids)), bool, len(below.ids))
            for mask, column in ((read, place[place >= 0]), (open_, place[waits & (place >= 0)])):
                if name in below.groups:
                    groups = below.groups[name]
                    for group in np.unique(column).tolist():
                        mask[groups.members[groups.starts[group] : groups.starts[group + 1]]] = True
                else:
                    mask[column] = True
        return as_bytes(self.tasks[name].ids[read & ~open_])

    def ids(self) -> list[bytes]:
        """The ids of all runs in it, and of those that runs may be continued from."""
        return [id for one in self.tasks.values() for id in (*as_bytes(one.ids), *as_bytes(one.kin))]

    def plan(self, study: Study, finished: Finished, *, again: bool = False) -> Plan:
        """The plan again.

        Runs that were made since it was frozen are finished in it; a run that is not to be done here and is not
        finished either is held back where it has failed, else absent.

        Args:
            study: the study as it was frozen.
            finished: what the store holds now.
            again: also make the runs again that were finished when it was frozen.
        """
        tasks = dict(study.tasks)
        for name, one in self.tasks.items():
            tasks[name] = dataclasses.replace(tasks[name], resources=Resources(**one.resources))
        thawed = study.with_tasks(tasks)
        names = Names(thawed)
        plan = Plan(thawed, {}, names, RowBuilder(names, {}))
        for name, one in self.tasks.items():
            plan.tasks[name] = _thawed(one, tasks[name], finished, again=again)
            _hold_back(plan, plan.tasks[name])
            if finished.attempt.max(initial=1) > 1:
                _mark_moved(plan, one, finished)
        return plan


def _known(one: FrozenTask, kept: NDArray[np.bool_], mine: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The kept runs whose upstreams are kept too."""
    return kept & (mine | one.to_do | bool(len(one.family)))


def _taken(one: FrozenTask, kept: Mapping[str, NDArray[np.bool_]], mine: NDArray[np.bool_]) -> FrozenTask:
    """A task with the kept runs only; what its upstream columns point to is renumbered."""
    mask = kept[one.name]
    points, point = np.unique(one.point[mask], return_inverse=True)
    families = one.family[mask] if len(one.family) else one.family
    known = _known(one, mask, mine)
    upstream: dict[str, Column] = {}
    groups: dict[str, FrozenGroups] = {}
    for argument, place in one.upstream.items():
        told = np.where(known, place, -1)[mask]
        number = np.cumsum(kept[argument], dtype=np.int64) - 1
        if argument in one.groups:
            used, told = _renumbered(told)
            groups[argument] = _some_groups(one.groups[argument], used, number)
            upstream[argument] = told
        else:
            upstream[argument] = np.where(told < 0, -1, number[told]).astype(np.int32)
    near = np.isin(one.kin_family, families)
    return dataclasses.replace(
        one,
        points=[one.points[place] for place in points.tolist()],
        point=point.astype(np.int32),
        ids=one.ids[mask],
        reason=one.reason[mask],
        attempt=one.attempt[mask],
        family=families,
        upstream=upstream,
        groups=groups,
        kin=one.kin[near],
        kin_family=one.kin_family[near],
        mine=mine[mask],
    )


def _renumbered(places: Column) -> tuple[NDArray[np.int64], Column]:
    """The distinct places, and the column in terms of them; -1 stays."""
    used = np.unique(places[places >= 0]).astype(np.int64)
    return used, np.where(places < 0, -1, np.searchsorted(used, places)).astype(np.int32)


def _some_groups(groups: FrozenGroups, used: NDArray[np.int64], number: NDArray[np.int64]) -> FrozenGroups:
    pieces = [groups.members[groups.starts[one] : groups.starts[one + 1]] for one in used.tolist()]
    members = np.concatenate(pieces) if pieces else np.zeros(0, np.int32)
    return FrozenGroups(
        np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64),
        number[members].astype(np.int32),
        groups.ids[used],
        groups.dropped[used],
        [groups.values[one] for one in used.tolist()],
    )


def _thawed(one: FrozenTask, task: Task, finished: Finished, *, again: bool) -> TaskPlan:
    ids = as_bytes(one.ids)
    found = finished.find(ids)
    attempt = np.zeros(len(ids), np.int32)
    attempt[found >= 0] = finished.attempt[found[found >= 0]]
    mine = one.to_do if one.mine is None else one.mine
    there = attempt > 0
    reason = one.reason.copy()
    if again:
        reason[mine & (one.attempt > 0)] = Reason.ASKED
    reason[mine & (attempt > one.attempt)] = Reason.FINISHED
    reason[mine & ~there & (reason == Reason.FINISHED)] = Reason.NEW
    reason[~mine & there] = Reason.FINISHED
    failed = np.fromiter((id in finished.failed for id in ids), bool, len(ids))
    reason[~mine & ~there] = np.where(failed[~mine & ~there], Reason.HELD, Reason.ABSENT)
    made = TaskRows(
        task=task,
        rows=Relation(0, {}),
        points=[task.point(pydantic_core.from_json(text)) for text in one.points],
        point=one.point,
        upstream=one.upstream,
        groups={
            name: Groups(groups.starts, groups.members, as_bytes(groups.ids), list(groups.values), groups.dropped)
            for name, groups in one.groups.items()
        },
        ids=ids,
    )
    return TaskPlan(made, reason, np.zeros(len(ids), dtype=bool), found, one.active)


def _mark_moved(plan: Plan, one: FrozenTask, finished: Finished) -> None:
    """Finished runs must run again where what they read was made again since the plan was frozen, and came out new."""
    mine = plan.tasks[one.name]
    done = mine.reason == Reason.FINISHED
    if one.mine is not None:
        done &= one.mine
    if done.any() and mine.task.inputs:
        mine.reason[done & ~inputs_current(mine, plan, finished)] = Reason.UPSTREAM


def _hold_back(plan: Plan, one: TaskPlan) -> None:
    """What is not there because something that it needs has failed counts as failed itself."""
    absent = one.reason == Reason.ABSENT
    for link in one.task.inputs if absent.any() else ():
        held = plan.tasks[link.name].reason == Reason.HELD if link.name in plan.tasks else np.zeros(0, dtype=bool)
        if held.any() and not (link.many and link.missing == "drop"):
            one.reason[absent & any_upstream(one.made, link.name, link.many, held)] = Reason.HELD


def freeze(plan: Plan, attempts: Mapping[str, NDArray[np.int32]], families: Mapping[str, Kin]) -> Frozen:
    """A plan as plain values.

    Args:
        plan: the plan.
        attempts: for each task the attempt of each run that is finished now, or 0.
        families: for each task that extends, what its runs may be continued from.
    """
    frozen = Frozen(plan.study.name)
    none = np.zeros(0, np.uint64)
    for name, one in plan.tasks.items():
        kin = families.get(name, Kin(none, none, []))
        groups = {
            argument: FrozenGroups(
                groups.starts.astype(np.int64),
                groups.members,
                as_rows(groups.ids),
                groups.dropped.astype(np.int64),
                [
                    dict(pydantic_core.to_jsonable_python(dict(value), inf_nan_mode="constants"))
                    for value in groups.values
                ],
            )
            for argument, groups in one.made.groups.items()
        }
        frozen.tasks[name] = FrozenTask(
            name=name,
            active=one.active,
            resources=dataclasses.asdict(one.task.resources),
            points=[point.to_json().decode() for point in one.made.points],
            point=one.made.point.astype(np.int32),
            ids=as_rows(one.ids),
            reason=one.reason,
            attempt=attempts[name],
            family=kin.family,
            upstream={argument: place.astype(np.int32) for argument, place in one.made.upstream.items()},
            groups=groups,
            kin=as_rows(kin.others),
            kin_family=kin.other_family,
        )
    return frozen


@dataclass(frozen=True)
class Kin:
    """Families of a task that extends: a number for each run of the plan, and finished runs outside it with theirs."""

    family: NDArray[np.uint64]
    other_family: NDArray[np.uint64]
    others: Sequence[bytes]


def as_rows(ids: Sequence[bytes]) -> Ids:
    """Ids as rows of bytes."""
    return np.frombuffer(b"".join(ids), np.uint8).reshape(-1, ID_BYTES)


def as_bytes(rows: Ids) -> list[bytes]:
    """Rows of bytes as ids."""
    data = rows.tobytes()
    return [data[start : start + ID_BYTES] for start in range(0, len(data), ID_BYTES)]


def pack(frozen: Frozen) -> tuple[dict[str, Any], Arrays]:
    """A frozen plan as what JSON holds, and arrays by name."""
    told: dict[str, Any] = {"study": frozen.study, "tasks": []}
    arrays: Arrays = {}
    for name, one in frozen.tasks.items():
        for column in _COLUMNS:
            arrays[f"{name}/{column}"] = getattr(one, column)
        for argument, place in one.upstream.items():
            arrays[f"{name}/upstream/{argument}"] = place
        for argument, groups in one.groups.items():
            for column in _GROUP_COLUMNS:
                arrays[f"{name}/groups/{argument}/{column}"] = getattr(groups, column)
        told["tasks"].append(
            {
                "name": name,
                "active": one.active,
                "resources": one.resources,
                "points": one.points,
                "upstream": list(one.upstream),
                "groups": {argument: groups.values for argument, groups in one.groups.items()},
            }
        )
    return told, arrays


def unpack(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Frozen:
    """The frozen plan of which `pack` has made these.

    Raises:
        KeyError: where something is missing.
    """
    frozen = Frozen(told["study"])
    for one in told["tasks"]:
        name = one["name"]
        groups = {
            argument: FrozenGroups(
                **{column: arrays[f"{name}/groups/{argument}/{column}"] for column in _GROUP_COLUMNS}, values=values
            )
            for argument, values in one["groups"].items()
        }
        frozen.tasks[name] = FrozenTask(
            name=name,
            active=one["active"],
            resources=one["resources"],
            points=one["points"],
            upstream={argument: arrays[f"{name}/upstream/{argument}"] for argument in one["upstream"]},
            groups=groups,
            **{column: arrays[f"{name}/{column}"] for column in _COLUMNS},
        )
    return frozen


_COLUMNS = ("point", "ids", "reason", "attempt", "family", "kin", "kin_family")
_GROUP_COLUMNS = ("starts", "members", "ids", "dropped")

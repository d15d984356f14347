"""A request on a store, looked at again and again: how far it is, who works, how long it will take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.errors import unknown
from quadrat.plan.plan import Plan, Reason, TaskPlan
from quadrat.querying.planned import planned
from quadrat.results.human import plain
from quadrat.results.table import Table
from quadrat.session import Session
from quadrat.store.index import Index, empty
from quadrat.store.working import Making, Owner, at_work
from quadrat.watching.cluster import Queue

if TYPE_CHECKING:
    import polars as pl

LOOK_SECONDS = 1.0
COST_FACTOR = 10.0
"""A look that takes long is not taken more often than ten times as long: readers must not slow a sweep."""
WINDOWS = (60.0, 600.0, 6000.0)
"""Seconds back in which throughput is counted: the shortest in which enough runs have ended."""
_ENOUGH = 5
_LONGEST_TOLD = 80

FINISHED, RUNNING, FAILED, WAITING, ABSENT = STATES = ("finished", "running", "failed", "waiting", "absent")
_CODES = {name: code for code, name in enumerate(STATES)}


@dataclass(frozen=True)
class TaskState:
    """How a task stands.

    Attributes:
        task: its name.
        runs, finished, running, failed, waiting, outdated: counts; a run is outdated where its code has changed since.
        seconds: how long a finished run took, on average; None where none is.
        per_minute: how many ended a minute lately.
        queued: how many of those that wait are in SLURM's queue.
    """

    task: str
    runs: int
    finished: int
    running: int
    failed: int
    waiting: int
    outdated: int
    seconds: float | None
    per_minute: float
    queued: int = 0


@dataclass(frozen=True)
class State:
    """How a sweep stands.

    Attributes:
        study, store: what it is of.
        version: changes whenever the state of a run has changed.
        at: when it was looked at, seconds since 1970.
        tasks: task by task, upstreams first.
        owners: who is at work on the store.
        doing: for each run that is being made its task.
        left: seconds until all is done, as far as can be told; None where nothing runs.
        at_least: whether `left` leaves out tasks of which no run has finished yet.
        problems: what is wrong with what was submitted, a line each.
    """

    study: str
    store: str
    version: int
    at: float
    tasks: list[TaskState]
    owners: list[Owner]
    doing: dict[str, str]
    left: float | None
    at_least: bool
    problems: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As JSON, without what a page does not show."""
        workers = [
            {
                "name": owner.name,
                "host": owner.host,
                "pid": owner.pid,
                "slurm": "_".join(owner.slurm.values()),
                "alive": owner.alive,
                "seen": owner.seen,
                "claimed": len(owner.claimed),
                "making": [
                    {
                        "run": one.id,
                        "task": self.doing.get(one.id, ""),
                        "worker": one.worker,
                        "since": one.since,
                        "told": how_far(one.told),
                    }
                    for one in owner.making
                ],
            }
            for owner in self.owners
        ]
        return {
            "study": self.study,
            "store": self.store,
            "version": self.version,
            "at": self.at,
            "tasks": [asdict(one) for one in self.tasks],
            "workers": workers,
            "left": self.left,
            "at_least": self.at_least,
            "problems": self.problems,
        }


@dataclass(frozen=True)
class Look:
    """What a look at a sweep saw; all of it belongs together.

    Attributes:
        state: for people.
        plan: the plan.
        codes: for each task and run the place of its state in STATES.
        index: of the store; `plan.tasks[…].found` are rows of it.
        making: attempts that are being made, by run.
    """

    state: State
    plan: Plan
    codes: dict[str, NDArray[np.uint8]]
    index: Index
    making: dict[str, Making]

    def task_of(self, id: str) -> tuple[str, int] | None:
        """The task that a run of the plan is of, and its place there; None for another run."""
        wanted = bytes.fromhex(id)
        for name, one in self.plan.tasks.items():
            for place, other in enumerate(one.ids):
                if other == wanted:
                    return name, place
        return None


class Watch:
    """A request on a store as it goes on. For several threads; looks are shared among them.

    Args:
        session: the study, its store and what was asked for.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._lock = threading.RLock()
        self._last: Look | None = None
        self._next = 0.0
        self._tables: dict[str, tuple[int, float, Table]] = {}
        self._frames: dict[str, tuple[int, Table, pl.DataFrame]] = {}
        self._queue = Queue()

    def look(self) -> Look:
        """How the sweep stands: at most a second old, or older where a look takes long."""
        with self._lock:
            if self._last is None or time.monotonic() >= self._next:
                before = time.monotonic()
                self._last = self._look(self._last)
                cost = time.monotonic() - before
                self._next = time.monotonic() + max(LOOK_SECONDS, COST_FACTOR * cost)
            return self._last

    def table(self, task: str) -> Table:
        """The table of a task with all runs of the plan: finished ones, and those that are not (`@done` says which).

        Raises:
            BadInput: for a task that the plan does not have.
        """
        with self._lock:
            look = self.look()
            if task not in look.plan.tasks:
                raise unknown("task", task, list(look.plan.tasks))
            known = self._tables.get(task)
            if known is not None and (known[0] == look.state.version or time.monotonic() < known[1]):
                return known[2]
            before = time.monotonic()
            made = planned(self.session, task, look.plan).table()
            cost = time.monotonic() - before
            self._tables[task] = (look.state.version, time.monotonic() + COST_FACTOR * cost, made)
            return made

    def frame(self, task: str, make: Callable[[Look, Table], pl.DataFrame]) -> tuple[Table, pl.DataFrame]:
        """The table of a task, and what was made of it and of the state of its runs: anew when either has changed.

        Raises:
            BadInput: for a task that the plan does not have.
        """
        with self._lock:
            made, look = self.table(task), self.look()
            known = self._frames.get(task)
            if known is None or known[0] != look.state.version or known[1] is not made:
                known = self._frames[task] = (look.state.version, made, make(look, made))
            return made, known[2]

    def _look(self, last: Look | None) -> Look:
        session = self.session
        # The queue is asked first: it lists the store anew, and a plan belongs to one listing.
        self._queue.look(session, last.plan if last is not None else session.plan())
        plan = session.plan()
        store = session.store
        index = store.index if store.exists else empty()
        owners = at_work(store.layout) if store.exists else []
        making = {bytes.fromhex(one.id): one for owner in owners if owner.alive for one in owner.making}
        tasks: list[TaskState] = []
        codes: dict[str, NDArray[np.uint8]] = {}
        doing: dict[str, str] = {}
        for name, one in plan.tasks.items():
            codes[name] = _codes(one, making)
            doing |= {one.ids[run].hex(): name for run in np.flatnonzero(codes[name] == _CODES[RUNNING]).tolist()}
            if one.active:
                tasks.append(_task(one, codes[name], index, self._queue.queued.get(name, 0)))
        version = 0 if last is None else last.state.version + _moved(last.codes, codes)
        left, at_least = _left(tasks)
        state = State(
            session.study.name, str(store.root), version, time.time(), tasks, owners, doing, left, at_least,
            self._queue.problems,
        )  # fmt: skip
        return Look(state, plan, codes, index, {id.hex(): one for id, one in making.items()})


def _moved(before: Mapping[str, NDArray[np.uint8]], now: Mapping[str, NDArray[np.uint8]]) -> bool:
    return before.keys() != now.keys() or any(not np.array_equal(before[name], now[name]) for name in now)


def _task(one: TaskPlan, codes: NDArray[np.uint8], index: Index, queued: int) -> TaskState:
    count = dict(zip(STATES, np.bincount(codes, minlength=len(STATES)).tolist(), strict=True))
    rows = one.found[one.found >= 0]
    seconds, per_minute = None, 0.0
    if len(rows):
        took = index.light["seconds"][rows].astype(float)
        seconds, per_minute = float(took.mean()), _per_minute(index.light["started"][rows] + took)
    return TaskState(
        one.task.name, one.size, count[FINISHED], count[RUNNING], count[FAILED], count[WAITING],
        int(np.count_nonzero(one.stale)), seconds, per_minute, queued,
    )  # fmt: skip


def _codes(one: TaskPlan, making: Mapping[bytes, Making]) -> NDArray[np.uint8]:
    """For each run its state."""
    codes = np.full(one.size, _CODES[WAITING], np.uint8)
    codes[one.reason == Reason.FINISHED] = _CODES[FINISHED]
    codes[(one.reason == Reason.FAILED) | (one.reason == Reason.HELD)] = _CODES[FAILED]
    codes[one.reason == Reason.ABSENT] = _CODES[ABSENT]
    if making:
        place = {id: run for run, id in enumerate(one.ids) if id in making}
        for run in place.values():
            if codes[run] != _CODES[FINISHED]:
                codes[run] = _CODES[RUNNING]
    return codes


def how_far(told: Mapping[str, Any]) -> str:
    """How far a run is, in words: "3 of 10 epochs"; empty where it does not tell."""
    if not told:
        return ""
    done, total = told.get("done", 0), told.get("total")
    return plain(f"{done:g}{'' if total is None else f' of {total:g}'} {told.get('text', '')}".strip())[:_LONGEST_TOLD]


def _per_minute(ends: NDArray[np.float64]) -> float:
    now = time.time()
    for window in WINDOWS:
        ended = int(np.count_nonzero(ends > now - window))
        if ended >= _ENOUGH:
            return 60.0 * ended / min(window, max(1.0, now - float(ends.min())))
    return 0.0


def _left(tasks: list[TaskState]) -> tuple[float | None, bool]:
    """Seconds until all is done: the work that is left, shared by as many as work now."""
    width = sum(one.running for one in tasks)
    rest = [one for one in tasks if one.waiting + one.running]
    if not width or not rest:
        return None, False
    if all(one.seconds is None for one in rest):
        return None, False
    work = sum((one.waiting + one.running / 2) * one.seconds for one in rest if one.seconds is not None)
    return work / width, any(one.seconds is None for one in rest)

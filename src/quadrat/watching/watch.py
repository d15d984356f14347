"""A request on a store, looked at again and again: how far it is, who works, how long it will take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quadrat.core.errors import unknown
from quadrat.plan.plan import Plan, Reason, TaskPlan
from quadrat.querying.planned import planned
from quadrat.results.table import Table
from quadrat.session import Session
from quadrat.store.index import Index, empty
from quadrat.store.working import Making, at_work
from quadrat.watching.cluster import Queue
from quadrat.watching.pace import left_of, per_minute
from quadrat.watching.state import ABSENT, CODES, FAILED, FINISHED, RUNNING, STATES, WAITING, State, TaskState

if TYPE_CHECKING:
    import polars as pl

LOOK_SECONDS = 1.0
COST_FACTOR = 10.0
MOST_SECONDS = 15.0
"""A look that takes long is taken after ten times as long, or 15 s: readers must not slow a sweep."""


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
        self._version = time.time_ns() // 1_000_000  # another watch of the same study begins at another one
        self._next = 0.0
        self._tables: dict[str, tuple[int, float, Table]] = {}
        self._frames: dict[str, tuple[int, Table, pl.DataFrame]] = {}
        self._queue = Queue()

    def look(self) -> Look:
        """How the sweep stands, as it was last looked at: a second ago, or 15 where a look takes long.

        While one thread looks anew, others get what was seen before.
        """
        last = self._last
        if last is not None and time.monotonic() < self._next:
            return last
        if not self._lock.acquire(blocking=last is None):
            return last or self.look()
        try:
            if self._last is None or time.monotonic() >= self._next:
                before = time.monotonic()
                self._last = self._look(self._last)
                self._next = _after(before, LOOK_SECONDS)
            return self._last
        finally:
            self._lock.release()

    def table(self, task: str) -> Table:
        """The table of a task with all runs of the plan: finished ones, and those that are not (`@done` says which).

        Raises:
            BadInput: for a task that the plan does not have.
        """
        look, known = self.look(), self._tables.get(task)
        if task not in look.plan.tasks:
            raise unknown("task", task, list(look.plan.tasks))
        if known is not None and (known[0] == look.state.version or time.monotonic() < known[1]):
            return known[2]
        if not self._lock.acquire(blocking=known is None) and known is not None:
            return known[2]
        try:
            look, before = self.look(), time.monotonic()
            made = planned(self.session, task, look.plan).table()
            self._tables[task] = (look.state.version, _after(before, 0.0), made)
            return made
        finally:
            self._lock.release()

    def frame(self, task: str, make: Callable[[Look, Table], pl.DataFrame]) -> tuple[Table, pl.DataFrame]:
        """The table of a task, and what was made of it and of the state of its runs: anew when either has changed.

        Raises:
            BadInput: for a task that the plan does not have.
        """
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
            doing |= {one.ids[run].hex(): name for run in np.flatnonzero(codes[name] == CODES[RUNNING]).tolist()}
            if one.active:
                tasks.append(_task(one, codes[name], index, self._queue.queued.get(name, 0)))
        self._version += last is not None and _moved(last.codes, codes)
        working = any(owner.alive and (owner.claimed or owner.making) for owner in owners)
        left, at_least = left_of(tasks) if working else (None, False)
        state = State(
            session.study.name, str(store.root), self._version, time.time(), tasks, owners, doing, working, left,
            at_least, self._queue.problems,
        )  # fmt: skip
        return Look(state, plan, codes, index, {id.hex(): one for id, one in making.items()})


def _after(before: float, least: float) -> float:
    """When to do again what was begun at a moment and has just ended."""
    now = time.monotonic()
    return now + max(least, min(COST_FACTOR * (now - before), MOST_SECONDS))


def _moved(before: Mapping[str, NDArray[np.uint8]], now: Mapping[str, NDArray[np.uint8]]) -> bool:
    return before.keys() != now.keys() or any(not np.array_equal(before[name], now[name]) for name in now)


def _task(one: TaskPlan, codes: NDArray[np.uint8], index: Index, queued: int) -> TaskState:
    count = dict(zip(STATES, np.bincount(codes, minlength=len(STATES)).tolist(), strict=True))
    rows = one.found[one.found >= 0]
    seconds, pace = None, 0.0
    if len(rows):
        took = index.light["seconds"][rows].astype(float)
        seconds, pace = float(took.mean()), per_minute(index.light["started"][rows] + took, time.time())
    return TaskState(
        one.task.name, one.size, count[FINISHED], count[RUNNING], count[FAILED], count[WAITING],
        int(np.count_nonzero(one.stale)), seconds, pace, queued,
    )  # fmt: skip


def _codes(one: TaskPlan, making: Mapping[bytes, Making]) -> NDArray[np.uint8]:
    """For each run its state."""
    codes = np.full(one.size, CODES[WAITING], np.uint8)
    codes[one.reason == Reason.FINISHED] = CODES[FINISHED]
    codes[(one.reason == Reason.FAILED) | (one.reason == Reason.HELD)] = CODES[FAILED]
    codes[one.reason == Reason.ABSENT] = CODES[ABSENT]
    if making:
        place = {id: run for run, id in enumerate(one.ids) if id in making}
        for run in place.values():
            if codes[run] != CODES[FINISHED]:
                codes[run] = CODES[RUNNING]
    return codes

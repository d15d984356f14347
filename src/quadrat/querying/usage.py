"""What runs were declared to need, beside what they needed: from the records of the finished ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from quadrat.core.resources import Resources
from quadrat.plan.plan import Plan, Reason, TaskPlan
from quadrat.session import Session
from quadrat.store import failures
from quadrat.store.store import Store

MEMORY_ROOM, TIME_ROOM = 1.3, 2.0
"""How much more than the most that was seen is advised: the next run may be larger, and the next node slower."""
LEAST_MEMORY, LEAST_TIME = 100e6, 60.0
_STEADY_SECONDS = 0.5
"""Shorter runs tell nothing of how many cores they keep busy."""
_BUSY_ROOM = 0.1
_MOST_FAILURES = 1000

_MEMORY_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90)
_HOURS = (2, 3, 4, 6, 8, 12, 18, 24, 36)


@dataclass(frozen=True)
class Spread:
    """The middle and the most of what was measured; 0 where nothing was."""

    median: float = 0.0
    most: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of some values."""
        return cls(float(np.median(values)), float(max(values))) if values else cls()


@dataclass(frozen=True)
class TaskUsage:
    """What the finished runs of a task needed.

    Attributes:
        task: its name.
        runs: how many finished runs were counted.
        asked: what is declared for each run, settings included.
        busy: cores that a run kept busy, its processor time over its time.
        memory: the peak of the worker's resident memory, bytes.
        seconds: how long the function took.
        lost: how many other runs failed for want of something, by kind ("timeout", "memory", "killed").
        advice: one line where something should be said otherwise, for people.
        suggested: the resources to write instead, as the setting takes them; empty where nothing needs to be written.
    """

    task: str
    runs: int
    asked: Resources
    busy: Spread = Spread()
    memory: Spread = Spread()
    seconds: Spread = Spread()
    lost: dict[str, int] = field(default_factory=dict)
    advice: str = ""
    suggested: dict[str, int | str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "task": self.task,
            "runs": self.runs,
            "cpus": {"asked": self.asked.cpus, "median": round(self.busy.median, 3), "max": round(self.busy.most, 3)},
            "gpus": {"asked": self.asked.gpus},
            "memory": {"asked": self.asked.memory, "median": int(self.memory.median), "max": int(self.memory.most)},
            "walltime": {"asked": self.asked.walltime, "median": self.seconds.median, "max": self.seconds.most},
            "failed": self.lost,
            "advice": self.advice or None,
            "suggested": self.suggested,
        }


def usage(session: Session) -> list[TaskUsage]:
    """What the finished runs of a request needed, task by task."""
    plan = session.plan(write_index=session.store.exists)
    return [_of_task(session.store, plan, one) for one in plan.tasks.values() if one.active]


def _of_task(store: Store, plan: Plan, one: TaskPlan) -> TaskUsage:
    memory: list[float] = []
    seconds: list[float] = []
    shares: list[tuple[float, float]] = []
    for row in one.found[one.found >= 0].tolist():
        raw = orjson.loads(store.index.raw(row))
        took = float(raw.get("seconds", 0.0))
        seconds.append(took)
        memory.append(float(raw.get("peak_memory", 0)))
        shares.append((float(raw.get("cpu_seconds", 0.0)), took))
    busy = [cpu / took for cpu, took in shares if took >= _STEADY_SECONDS]
    total = sum(seconds)
    if not busy and total >= _STEADY_SECONDS:  # all are short: what they come to together
        busy = [sum(cpu for cpu, _ in shares) / total]
    made = TaskUsage(
        one.task.name,
        len(seconds),
        one.task.resources,
        Spread.of(busy),
        Spread.of(memory),
        Spread.of(seconds),
        _lost(store, one),
    )
    return advise(made) if made.runs else made


def _lost(store: Store, one: TaskPlan) -> dict[str, int]:
    """How many runs failed because they had too little of something, by kind."""
    failed = np.flatnonzero((one.reason == Reason.FAILED) | (one.reason == Reason.HELD))[:_MOST_FAILURES]
    found = [failures.read(store.layout, one.ids[run].hex()) for run in failed.tolist()]
    return dict(Counter(failure.kind for failure in found if failure is not None and failure.kind != "error"))


def advise(one: TaskUsage) -> TaskUsage:
    """The same with what to write instead, and why, where it matters."""
    reasons: list[str] = []
    suggested: dict[str, int | str] = {}
    for name, reason, value in (_cpus(one), _memory(one), _walltime(one)):
        if reason:
            reasons.append(reason)
            if value is not None:
                suggested[name] = value
    written = ", ".join(f"{name}: {value}" for name, value in suggested.items())
    text = "; ".join(reasons) + (f": `{written}` would do" if written else "")
    return TaskUsage(
        one.task, one.runs, one.asked, one.busy, one.memory, one.seconds, one.lost, text if reasons else "", suggested
    )


Advice = tuple[str, str, int | str | None]
"""Which resource, why it should be said otherwise (empty: it need not), and what to write."""


def _cpus(one: TaskUsage) -> Advice:
    asked, most = one.asked.cpus, one.busy.most
    wanted = max(1, math.ceil(most - _BUSY_ROOM))
    if wanted == asked or not most:
        return "cpus", "", None
    reason = f"asks for {asked} cpu{'s' if asked > 1 else ''}, keeps {most:.1f} busy"
    return "cpus", reason, wanted


def _memory(one: TaskUsage) -> Advice:
    asked, most = one.asked.memory, one.memory.most
    enough = max(LEAST_MEMORY, most * MEMORY_ROOM)
    if not most:
        return "memory", "", None
    peak = show_bytes(most)
    if "memory" in one.lost or "killed" in one.lost:
        lost = one.lost.get("memory", 0) + one.lost.get("killed", 0)
        enough = max(enough, 2 * (asked or 0))
        return "memory", f"{lost} were killed or out of memory, others needed {peak}", show_bytes(_round_memory(enough))
    if asked is None:
        return "memory", f"declares no memory, needs {peak}", show_bytes(_round_memory(enough))
    if most > asked:
        return "memory", f"asks for {show_bytes(asked)}, needs {peak}", show_bytes(_round_memory(enough))
    if asked > 1.5 * _round_memory(enough):
        return "memory", f"asks for {show_bytes(asked)}, needs {peak}", show_bytes(_round_memory(enough))
    return "memory", "", None


def _walltime(one: TaskUsage) -> Advice:
    asked, most = one.asked.walltime, one.seconds.most
    enough = _round_time(max(LEAST_TIME, most * TIME_ROOM))
    took = show_seconds(most)
    if "timeout" in one.lost:
        enough = max(enough, _round_time(2 * (asked or most)))
        return "walltime", f"{one.lost['timeout']} ran out of time, the longest took {took}", show_seconds(enough)
    if asked is None:
        return "walltime", f"declares no walltime, the longest took {took}", show_seconds(enough)
    if most > 0.8 * asked or asked > 3 * enough:
        return "walltime", f"walltime {show_seconds(asked)}, the longest took {took}", show_seconds(enough)
    return "walltime", "", None


def _round_memory(size: float) -> float:
    """Rounded up to an amount that people write."""
    unit = 10.0 ** math.floor(math.log10(size))
    return next(step * unit for step in _MEMORY_STEPS if step * unit >= size * (1 - 1e-9))


def _round_time(seconds: float) -> float:
    """Rounded up to a time that people write."""
    for step in (*(60.0 * minutes for minutes in _MINUTES), *(3600.0 * hours for hours in _HOURS)):
        if step >= seconds:
            return step
    return 86400.0 * math.ceil(seconds / 86400)


def show_bytes(size: float) -> str:
    """Bytes as the setting `memory` takes them: "200MB", "1.5GB"."""
    if size >= 1e9:
        return f"{size / 1e9:.3g}GB" if size < 1e12 else f"{size / 1e9:.0f}GB"
    return f"{size / 1e6:.3g}MB" if size < 999.5e6 else "1GB"


def show_seconds(seconds: float) -> str:
    """Seconds as the setting `walltime` takes them: "40s", "90m", "2h", "3d"; "<0.1s" for what is next to nothing."""
    if seconds < 60:
        return "<0.1s" if 0 < seconds < 0.1 else f"{seconds:.2g}s" if seconds < 10 else f"{seconds:.0f}s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and (seconds % size == 0 or seconds >= 10 * size):
            return f"{round(seconds / size)}{unit}"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m" if hours else f"{minutes}m{rest}s"


def as_yaml(tasks: Sequence[TaskUsage]) -> str:
    """What is suggested, as the setting `resources` of a configuration; empty where there is nothing."""
    lines = [
        f"  {one.task}: {{{', '.join(f'{name}: {value}' for name, value in one.suggested.items())}}}"
        for one in tasks
        if one.suggested
    ]
    return "\n".join(["resources:", *lines]) + "\n" if lines else ""

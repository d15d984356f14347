"""How a sweep stands, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from quadrat.results.human import plain
from quadrat.store.working import Owner

FINISHED, RUNNING, FAILED, WAITING, ABSENT = STATES = ("finished", "running", "failed", "waiting", "absent")
CODES = {name: code for code, name in enumerate(STATES)}
_LONGEST_TOLD = 80


@dataclass(frozen=True)
class TaskState:
    """How a task stands.

    Attributes:
        task: its name.
        runs, finished, running, failed, waiting, outdated: counts; a run is outdated where its code has changed since.
        seconds: how long a finished run took, on average; None where none is.
        per_minute: how many ended a minute lately; 0 where fewer than two did within an hour.
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
        working: whether anybody who is alive works on runs of this store.
        left: seconds until all is done, as far as can be told; None where nothing runs, or nothing is known.
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
    working: bool
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
            "working": self.working,
            "left": self.left,
            "at_least": self.at_least,
            "problems": self.problems,
        }


def how_far(told: Mapping[str, Any]) -> str:
    """How far a run is, in words: "3 of 10 epochs"; empty where it does not tell."""
    if not told:
        return ""
    done, total = told.get("done"), told.get("total")
    if not isinstance(done, int | float):
        return ""
    whole = f" of {total:g}" if isinstance(total, int | float) else ""
    return plain(f"{done:g}{whole} {told.get('text', '')}".strip())[:_LONGEST_TOLD]

"""How a plan is to be run, how it stands, and who hears of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from quadrat.store.failures import Failure


@dataclass(frozen=True)
class Options:
    """How a plan is run.

    Attributes:
        fail_fast: start nothing more after the first failure.
        partial: gathers go on without members that failed.
        canary: run one chain per task first, and go on only if it works.
        keep_temps: leave temporary artifacts alone: only a part of their readers is in the plan.
    """

    fail_fast: bool = False
    partial: bool = False
    canary: bool = False
    keep_temps: bool = False


@dataclass
class Tally:
    """How a session stands.

    Attributes:
        total, done, failed, blocked: runs to do at the start, and what became of them.
        running: handed to the executor.
        seconds: time in tasks.
        elsewhere: of those done, the ones that another process did.
        unchanged: of those done, the ones that need not run after all: what they read came out the same.
        waiting_for_others: runs that another process is at.
        failures: the records of those that failed.
        interrupted, canary_failed: why it ended early.
    """

    total: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    blocked: Counter[str] = field(default_factory=Counter)
    running: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    elsewhere: int = 0
    unchanged: int = 0
    waiting_for_others: int = 0
    failures: list[Failure] = field(default_factory=list)
    interrupted: bool = False
    canary_failed: bool = False


Listener = Callable[[str, Any], None]
"""Hears ("done", (key, outcome)), ("failed", failure), ("retry", failure), ("output", bytes), ("tick", tally)."""

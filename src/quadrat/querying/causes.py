"""Failures of a plan by their cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quadrat.plan.plan import Reason, TaskPlan
from quadrat.store import failures
from quadrat.store.failures import Failure
from quadrat.store.layout import Layout

MOST_READ = 200
"""So many failures of each task are read."""


@dataclass(frozen=True)
class Cause:
    """Runs of a task that failed in the same way: one of them, and the ids of all that were read."""

    first: Failure
    ids: list[str]


def causes(layout: Layout, tasks: Iterable[TaskPlan]) -> list[Cause]:
    """What runs of a plan failed of, the most frequent cause first."""
    found: dict[tuple[str, str, str], Cause] = {}
    for one in tasks:
        failed = np.flatnonzero((one.reason == Reason.FAILED) | (one.reason == Reason.HELD))[:MOST_READ]
        for run in failed.tolist():
            failure = failures.read(layout, one.ids[run].hex())
            if failure is not None:
                key = (failure.task, failure.kind, failure.message)
                found.setdefault(key, Cause(failure, [])).ids.append(failure.id)
    return sorted(found.values(), key=lambda one: -len(one.ids))

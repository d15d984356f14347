"""Why runs of a plan failed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from quadrat.plan.plan import Reason, TaskPlan
from quadrat.store import failures
from quadrat.store.failures import Cause
from quadrat.store.layout import Layout

MOST_READ = 1000
"""So many failures of each task are read."""


def causes(layout: Layout, tasks: Iterable[TaskPlan]) -> list[Cause]:
    """What runs of a plan failed of, the most frequent cause first; of a task with more than 1,000, these."""
    found = []
    for one in tasks:
        failed = np.flatnonzero((one.reason == Reason.FAILED) | (one.reason == Reason.HELD))[:MOST_READ]
        found += [failures.read(layout, one.ids[run].hex()) for run in failed.tolist()]
    return failures.by_cause(failure for failure in found if failure is not None)

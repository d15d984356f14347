"""How fast a sweep goes, and how long it will take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quadrat.watching.state import TaskState

LATELY = 50
"""Throughput is that of the last so many ends of runs of a task, within an hour."""
HOUR = 3600.0


def per_minute(ends: NDArray[np.float64], now: float) -> float:
    """Ends of runs a minute lately, from the times of all of them (seconds since 1970); 0 for fewer than two."""
    lately = np.sort(ends[ends > now - HOUR])[-LATELY:]
    return 60.0 * (len(lately) - 1) / max(1.0, now - float(lately[0])) if len(lately) > 1 else 0.0


def left_of(tasks: Sequence[TaskState]) -> tuple[float | None, bool]:
    """Seconds until all is done, and whether that leaves out tasks of which nothing is known.

    Tasks whose runs end now go on as fast together as they do now. What comes after them is as much work as its runs
    took on average, shared by as many as work now (Little's law: ends a second times the seconds of each).
    """
    rest = [one for one in tasks if one.waiting + one.running]
    now = [one for one in rest if one.per_minute]
    later = [one for one in rest if not one.per_minute]
    known = [one for one in later if one.seconds is not None]
    if not now and not known:
        return None, False
    busy = sum(one.per_minute / 60.0 * (one.seconds or 0.0) for one in now)
    width = max(1.0, busy, float(sum(one.running for one in rest)))
    left = sum((one.waiting + one.running / 2) * (one.seconds or 0.0) for one in known) / width
    if now:
        left += 60.0 * sum(one.waiting + one.running for one in now) / sum(one.per_minute for one in now)
    return left, len(known) < len(later)

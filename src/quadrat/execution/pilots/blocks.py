"""Pilots as the site sees them (Parsl calls each a block): what their states mean, why one failed, how one is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from quadrat.execution.pilots import parts
from quadrat.execution.pilots.profile import Profile

GONE = frozenset({"CANCELLED", "COMPLETED", "FAILED", "TIMEOUT", "MISSING", "SCALED_IN"})
# Gone without any of its workers having been heard of.
NEVER_CAME = "MISSING"
TAIL_LINES = 8
CANCEL_TRIES = 3
END_SECONDS = 2.0


@dataclass(frozen=True)
class Judged:
    """How the pilots are.

    Attributes:
        alive: how many wait or work.
        waiting: how many of them wait at the site.
        stillborn: how many of the latest ended without a sign of life, one after the other.
        came: whether any was ever heard of and is gone.
    """

    alive: int
    waiting: int
    stillborn: int
    came: bool


def judge(status: Mapping[str, Any]) -> Judged:
    """What the states of all pilots amount to; the later ones have higher numbers."""
    states = [status[block].state.name for block in sorted(status, key=int)]
    stillborn = 0
    for state in reversed(states):
        if state == NEVER_CAME:
            stillborn += 1
        elif state in GONE and state != "SCALED_IN":
            break
    alive = [state for state in states if state not in GONE]
    came = any(state in GONE - {NEVER_CAME, "SCALED_IN"} for state in states)
    return Judged(len(alive), alive.count("PENDING"), stillborn, came)


def why(status: Mapping[str, Any]) -> str:
    """What is known of the last pilot that never came: the provider's message, and the end of what it printed."""
    failed = [status[block] for block in sorted(status, key=int) if status[block].state.name == NEVER_CAME]
    if not failed:
        return "no reason is known"
    last = failed[-1]
    code = "" if last.exit_code is None else f"exit code {last.exit_code}"
    printed = str(last.stderr_summary or last.stdout_summary or "").strip().splitlines()[-TAIL_LINES:]
    # Parsl's own message says no more than that it failed, where there is a code or a last word.
    message = "" if (code or printed) and "MISSING" in str(last.message) else str(last.message or "").strip()
    return "\n  ".join([one for one in (message, code) if one] + printed) or "it said nothing"


def cancel(provider: Any, jobs: Iterable[Any], profile: Profile) -> list[Any]:
    """End jobs.

    Returns:
        Those that the site would not cancel.
    """
    left = list(jobs)
    groups = [group for job in left if profile.is_local and (group := _group(job))]
    for _ in range(CANCEL_TRIES):
        if left:
            with contextlib.suppress(Exception):  # a site that is slow to answer is asked again
                left = [job for job, done in zip(left, provider.cancel(left), strict=True) if not done]
    for group in groups:
        _end_group(group)
    return left


def _group(job: str) -> int:
    """The process group of a pilot of this machine; 0 where it is gone."""
    try:
        return os.getpgid(int(job))
    except ProcessLookupError:
        return 0


def _end_group(group: int) -> None:
    """Make sure that nothing of a process group is left: Parsl finds it by `ps`, which a container may not have."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        end = time.monotonic() + END_SECONDS
        while group_is_alive(group) and time.monotonic() < end:
            time.sleep(0.01)
        os.killpg(group, signal.SIGKILL)


def group_is_alive(group: int) -> bool:
    """Whether any process of a group runs still; one that nobody has waited for does not."""
    psutil = parts.psutil()
    for process in psutil.process_iter(["pid", "status"]):
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.info["pid"]) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                return True
    return False

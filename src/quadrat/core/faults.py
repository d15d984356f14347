"""Crash points: places at which a test may kill the process, to prove that nothing is lost there.

`QUADRAT_CRASH_AT=commit.written:3` kills the process by SIGKILL when it gets to that point for the third time.
Without the variable a crash point costs one comparison.
"""

from __future__ import annotations

import os
import signal

CRASH_POINTS = (
    "commit.staged",
    "commit.computed",
    "commit.written",
    "commit.renamed",
    "commit.released",
    "claim.taken",
    "index.written",
    "index.replaced",
)

_point, _, _count = os.environ.get("QUADRAT_CRASH_AT", "").partition(":")
_left = int(_count or 1)


def reached(point: str) -> None:
    """Say that the process is at a crash point."""
    global _left
    if point == _point:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

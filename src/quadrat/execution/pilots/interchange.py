"""Parsl's interchange in a process of its own: Ctrl-C passes it by, and it ends when the sweep's process is gone.

Parsl's own start of it has neither (its issues 2174 and 3663): one Ctrl-C would lose every run at work, and a sweep
that is killed would leave an interchange behind that keeps its pilots, and their allocations, for ever.

    python -m quadrat.execution.pilots.interchange PARENT LOG
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

WATCH_SECONDS = 1.0


def main(parent: int, log: str) -> None:
    """Become the interchange.

    Args:
        parent: the process that this one must not outlive.
        log: where what it prints goes: not to the user's terminal.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    threading.Thread(target=_end_with, args=(parent,), daemon=True, name="quadrat-parent-watch").start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__", alter_sys=True)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

"""How a run went, measured: time and memory."""

from __future__ import annotations

import resource
import sys
import time

_CAN_RESET = sys.platform == "linux"


class Meter:
    """Wall time, CPU time and peak memory of one run in a process that lives for many."""

    def start(self) -> None:
        """Begin."""
        global _CAN_RESET
        self.began = time.time()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        if _CAN_RESET:
            try:
                with open("/proc/self/clear_refs", "wb", buffering=0) as file:
                    file.write(b"5")  # the peak starts anew: see proc(5)
            except OSError:
                _CAN_RESET = False

    def stop(self) -> tuple[float, float, int]:
        """Seconds, CPU seconds, and the process's peak resident memory in bytes since `start`."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu, _peak()


def _peak() -> int:
    if _CAN_RESET:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

"""Leases: how others know that a process which works on the store is alive.

A process has one lease file. A small process beside it renews the file's time; a lease that was not renewed for a
while, or whose owner is gone from this machine, is declared dead by one atomic rename.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from quadrat.store import supervisor
from quadrat.store.layout import Layout

LEASE_SECONDS = 30.0
CLOCK_SECONDS = 600.0


def lease_seconds() -> float:
    """After how long without renewal an owner counts as gone; `QUADRAT_LEASE` overrides the default of 30 s."""
    return float(os.environ.get("QUADRAT_LEASE", LEASE_SECONDS))


@lru_cache(maxsize=1)
def machine() -> str:
    """What tells one boot of a machine, and one container on it, from another: process numbers hold inside."""
    found = []
    with contextlib.suppress(OSError):
        found.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        found.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(found)


class Lease:
    """The lease of this process on a store. Renewed by a small process beside it, since a thread starves under load.

    A lease that was lost (this machine slept, the process was stopped) is noticed by `held`, and taken anew by `take`:
    the owner keeps its name, the file is another one, so that claims made under the lost one stay void.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._takes = 0
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}".replace("~", "-").replace("+", "-")
        self.take()

    def take(self) -> None:
        """Take a new lease."""
        self.release()
        self._takes += 1
        pid = os.getpid()
        told = {
            "host": socket.gethostname(),
            "machine": machine(),
            "pid": pid,
            "start": supervisor.process_start(pid),
            "slurm": {key: os.environ[key] for key in ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID") if key in os.environ},
        }
        partial = self.path.with_name(f".{self.path.name}")
        partial.write_text(json.dumps(told))
        os.rename(partial, self.path)
        self._supervise()

    @property
    def path(self) -> Path:
        """The lease file."""
        return self._layout.lease(self.owner, self._takes)

    def held(self) -> bool:
        """Whether the lease still counts."""
        return self.path.exists()

    def _supervise(self) -> None:
        pid = os.getpid()
        arguments = [str(self.path), str(pid), supervisor.process_start(pid), str(lease_seconds() / 5)]
        self._supervisor = subprocess.Popen(
            [sys.executable, "-S", "-E", supervisor.__file__, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def release(self) -> None:
        """Give the lease back."""
        if self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor.wait()
            self._supervisor = None
        if self._takes:
            self.path.unlink(missing_ok=True)
            (self._layout.dead_leases / self.path.name).unlink(missing_ok=True)


def is_gone(told: Mapping[str, object]) -> bool:
    """Whether the process that a lease is of was on this machine and is no more; False where that cannot be told."""
    if told.get("host") != socket.gethostname() or told.get("machine") != machine():
        return False
    return supervisor.process_start(int(str(told.get("pid", 0)))) != str(told.get("start"))


def owner_alive(layout: Layout, name: str, told: dict[str, object]) -> bool:
    """Whether the owner of a lease is alive; one that is not is declared dead.

    Args:
        layout: of the store.
        name: the lease's file name.
        told: what it says.
    """
    path = layout.leases / name
    dead = is_gone(told)
    try:
        age = _file_server_now(layout) - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if dead or age > lease_seconds():
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, layout.dead_leases / name)
        return False
    return True


_clock: dict[Path, tuple[float, float]] = {}


def _file_server_now(layout: Layout) -> float:
    """The time by the clock that stamps the files, which may be another machine's."""
    known = _clock.get(layout.root)
    if known is None or time.monotonic() - known[0] > CLOCK_SECONDS:
        probe = layout.leases / f".clock-{secrets.token_hex(4)}"
        probe.touch()
        known = (time.monotonic(), probe.stat().st_mtime - time.monotonic())
        probe.unlink(missing_ok=True)
        _clock[layout.root] = known
    return time.monotonic() + known[1]

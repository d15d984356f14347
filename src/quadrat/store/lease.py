"""Leases and claims: who is at which run, and how others know that an owner is gone.

An owner has one lease file, whose age says whether it is alive; a claim of a run is a hard link to it. Promise: a run is
never committed twice (the commit sees to that), and not run twice while leases live.
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
from functools import lru_cache
from pathlib import Path

from quadrat.core.faults import reached
from quadrat.store import supervisor
from quadrat.store.layout import Layout

LEASE_SECONDS = 30.0


def lease_seconds() -> float:
    """After how long without renewal an owner counts as gone; `QUADRAT_LEASE` overrides the default of 30 s."""
    return float(os.environ.get("QUADRAT_LEASE", LEASE_SECONDS))


@lru_cache(maxsize=1)
def boot_id() -> str:
    """What tells one boot of a machine from the next; empty where the system does not say."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


class Lease:
    """The lease of this process on a store. Renewed by a small process beside it, since a thread starves under load.

    A lease that was lost (this machine slept, the process was stopped) is noticed by `held`, and taken anew by `take`.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._taken = 0.0
        self.owner = ""
        self.take()

    def take(self) -> None:
        """Take a new lease."""
        self.release()
        pid = os.getpid()
        self.owner = f"{socket.gethostname()}-{pid}-{secrets.token_hex(4)}".replace("~", "-")
        told = {
            "host": socket.gethostname(),
            "boot": boot_id(),
            "pid": pid,
            "start": supervisor.process_start(pid),
            "slurm": {key: os.environ[key] for key in ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID") if key in os.environ},
        }
        path = self.path
        partial = path.with_name(f".{path.name}")
        partial.write_text(json.dumps(told))
        os.rename(partial, path)
        self._taken = time.monotonic()

    @property
    def path(self) -> Path:
        """The lease file."""
        return self._layout.leases / self.owner

    def held(self) -> bool:
        """Whether the lease still counts. Starts the renewing process once the work takes longer than a moment."""
        if self._supervisor is None and time.monotonic() - self._taken > min(2.0, lease_seconds() / 4):
            self._supervise()
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
        if self.owner:
            self.path.unlink(missing_ok=True)


class Claims:
    """Claims of runs by one owner.

    A claim is a link `claims/<id>.<generation>` to the owner's lease. A claim whose owner is gone is void; who takes the
    run over links the next generation, which only one can.
    """

    def __init__(self, layout: Layout, lease: Lease) -> None:
        self._layout = layout
        self._lease = lease
        self._folder = str(layout.claims)
        self._held: dict[str, str] = {}

    def take(self, id: str) -> bool:
        """Claim a run; False where somebody who is alive has it."""
        path = f"{self._folder}/{id}.1"
        for _ in range(3):
            try:
                os.link(self._lease.path, path)
            except FileExistsError:
                path = self._next_generation(id)
                if not path:
                    return False
            except FileNotFoundError:  # our own lease was declared dead meanwhile
                self._lease.take()
            else:
                self._held[id] = path
                reached("claim.taken")
                return True
        return False

    def _next_generation(self, id: str) -> str:
        """The path of the generation after the newest claim of a run where that is void, else ""."""
        newest = self._newest(id)
        if newest is None:
            return f"{self._folder}/{id}.1"
        generation, path = newest
        if self.alive(path):
            return ""
        return f"{self._folder}/{id}.{generation + 1}"

    def _newest(self, id: str) -> tuple[int, str] | None:
        found = [
            int(entry.name[33:])
            for entry in os.scandir(self._folder)
            if entry.name.startswith(f"{id}.") and entry.name[33:].isdecimal()
        ]
        return (max(found), f"{self._folder}/{id}.{max(found)}") if found else None

    def taken_by_others(self, id: str) -> bool:
        """Whether somebody else who is alive has a run."""
        newest = self._newest(id)
        return newest is not None and newest[1] != self._held.get(id) and self.alive(newest[1])

    def alive(self, path: str) -> bool:
        """Whether the owner of a claim is alive."""
        try:
            told = json.loads(Path(path).read_text())
            owner = self._owner_of(path)
        except (OSError, ValueError):
            return False
        if owner is None:
            return False
        return owner_alive(self._layout, owner, told)

    def _owner_of(self, path: str) -> str | None:
        """The name of the lease that a claim is a link to."""
        inode = os.stat(path).st_ino
        return next((entry.name for entry in os.scandir(self._layout.leases) if entry.inode() == inode), None)

    def release(self, id: str) -> None:
        """Give a claim back."""
        path = self._held.pop(id, None)
        if path is None:
            return
        if not path.endswith(f"{id}.1"):
            for generation in range(1, int(path.rpartition(".")[2])):
                Path(f"{self._folder}/{id}.{generation}").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        reached("commit.released")

    def release_all(self) -> None:
        """Give back everything."""
        for id in list(self._held):
            self.release(id)


def owner_alive(layout: Layout, owner: str, told: dict[str, object]) -> bool:
    """Whether the owner of a lease is alive; one that is not is declared dead."""
    path = layout.leases / owner
    dead = False
    if told.get("host") == socket.gethostname() and told.get("boot") == boot_id():
        pid = int(str(told.get("pid", 0)))
        dead = supervisor.process_start(pid) != str(told.get("start"))
    try:
        age = _file_server_now(layout) - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if dead or age > lease_seconds():
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, layout.dead_leases / owner)
        return False
    return True


_clock: dict[Path, tuple[float, float]] = {}


def _file_server_now(layout: Layout) -> float:
    """The time by the clock that stamps the files, which may be another machine's."""
    known = _clock.get(layout.root)
    if known is None or time.monotonic() - known[0] > 600:
        probe = layout.leases / f".clock-{secrets.token_hex(4)}"
        probe.touch()
        known = (time.monotonic(), probe.stat().st_mtime - time.monotonic())
        probe.unlink(missing_ok=True)
        _clock[layout.root] = known
    return time.monotonic() + known[1]

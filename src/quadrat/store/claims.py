"""Claims: who is at which run.

A claim is a hard link to its owner's lease, so that it says whose it is and dies with it. Promise: a run is never
committed twice (the commit sees to that), and not run twice while leases live.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from quadrat.core.faults import reached
from quadrat.store.layout import Layout
from quadrat.store.lease import Lease, owner_alive

TRIES = 3


class Claims:
    """Claims of runs by one owner.

    A claim is a link `claims/<id>.<generation>` to the owner's lease. A claim whose owner is gone is void; who takes
    the run over links the next generation, which only one can, and then makes sure that nobody who is alive holds
    another generation (a void one may have been reaped meanwhile, and its name taken anew): the newcomer gives way.
    """

    def __init__(self, layout: Layout, lease: Lease) -> None:
        self._layout = layout
        self._lease = lease
        self._folder = str(layout.claims)
        self._held: dict[str, tuple[str, int]] = {}

    def take(self, id: str) -> bool:
        """Claim a run; False where somebody who is alive has it. One's own claim is kept."""
        if self._is_ours(id):
            return True
        path = f"{self._folder}/{id}.1"
        for _ in range(TRIES):
            lease = self._lease.path
            try:
                os.link(lease, path)
            except FileExistsError:
                if _same_file(lease, path):  # over NFS a link that was retried may report failure after it worked
                    return self._keep(id, path)
                newest = self._generations(id)
                if newest and self.alive(newest[-1][1]):
                    return False
                path = f"{self._folder}/{id}.{newest[-1][0] + 1 if newest else 1}"
            except FileNotFoundError:
                if not os.path.isdir(self._folder):
                    raise
                if not self._lease.held():  # it was declared dead meanwhile
                    self._lease.take()
            else:
                return self._keep(id, path)
        return False

    def _is_ours(self, id: str) -> bool:
        held = self._held.get(id)
        if held is None:
            return False
        with contextlib.suppress(FileNotFoundError):
            if os.stat(self._lease.path).st_ino == held[1]:
                return True
        self.release(id)  # made under a lease that was lost
        return False

    def _keep(self, id: str, path: str) -> bool:
        """Keep a claim that was just made, unless somebody else turns out to have the run."""
        try:
            self._held[id] = (path, os.stat(path).st_ino)
        except FileNotFoundError:  # reaped: our lease was declared dead this very moment
            return False
        for _, other in self._generations(id):
            if other != path and self.alive(other):
                self.release(id)
                return False
        reached("claim.taken")
        return True

    def _generations(self, id: str) -> list[tuple[int, str]]:
        """The claims of a run, oldest generation first."""
        found = [
            int(name[33:]) for name in os.listdir(self._folder) if name.startswith(f"{id}.") and name[33:].isdecimal()
        ]
        return [(generation, f"{self._folder}/{id}.{generation}") for generation in sorted(found)]

    def taken_by_others(self, id: str) -> bool:
        """Whether somebody else who is alive has a run."""
        own = self._held.get(id, ("", 0))[0]
        return any(path != own and self.alive(path) for _, path in self._generations(id))

    def alive(self, path: str) -> bool:
        """Whether the owner of a claim is alive."""
        try:
            told = json.loads(Path(path).read_text())
            lease = self._lease_of(path)
        except (OSError, ValueError):
            return False
        return lease is not None and owner_alive(self._layout, lease, told)

    def _lease_of(self, path: str) -> str | None:
        """The name of the lease that a claim is a link to."""
        inode = os.stat(path).st_ino
        with os.scandir(self._layout.leases) as entries:
            names = [entry.name for entry in entries if entry.inode() == inode]
        return next((name for name in names if not name.startswith(".")), None)

    def release(self, id: str) -> None:
        """Give a claim back."""
        held = self._held.pop(id, None)
        if held is None:
            return
        path, inode = held
        if not path.endswith(f"{id}.1"):
            for generation, other in self._generations(id):
                if generation < int(path.rpartition(".")[2]) and not self.alive(other):
                    Path(other).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == inode:  # else it was void, and somebody else has taken the name
                os.unlink(path)
        reached("commit.released")

    def release_all(self) -> None:
        """Give back everything."""
        for id in list(self._held):
            self.release(id)


def _same_file(one: Path, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except FileNotFoundError:
        return False

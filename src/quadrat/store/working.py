"""Who is at work on a store, and at which runs: read from leases, claims and staging folders; nothing is changed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from quadrat.store import progress
from quadrat.store.layout import Layout
from quadrat.store.lease import is_gone, lease_seconds

_MOST_CLAIMS = 2000
"""Of so many claims the staging folders are looked for: an owner may claim whole batches of short runs."""
_SLACK = 2.0
"""Clocks of machines differ: a lease counts as lost for a reader after twice the time that it does for its peers."""


@dataclass(frozen=True)
class Making:
    """An attempt that is being made.

    Attributes:
        id: the run.
        owner: the process that claimed it.
        worker: "host-pid" of the process that makes it; empty where that is not known.
        folder: where it is made.
        since: when it was begun, seconds since 1970; 0 where that is not known.
        told: how far it is, where it tells: `done`, `total`, `text`.
    """

    id: str
    owner: str
    worker: str
    folder: Path
    since: float
    told: dict[str, Any] = field(default_factory=dict)


@dataclass
class Owner:
    """A process that works on the store.

    Attributes:
        name: of its lease, without the number of takes.
        host, pid: where it is.
        slurm: the job that it is of, where it is one of SLURM's.
        seen: when it last renewed its lease, seconds since 1970.
        alive: whether it still does, as far as can be told from here.
        claimed: the runs that it has taken.
        making: those of them that are being made right now.
    """

    name: str
    host: str
    pid: int
    slurm: dict[str, str]
    seen: float
    alive: bool
    claimed: list[str] = field(default_factory=list)
    making: list[Making] = field(default_factory=list)


def at_work(layout: Layout) -> list[Owner]:
    """The processes that have a lease on the store, those that are alive first; each with its runs."""
    by_inode = dict(_leases(layout))
    taken = 0
    for entry in _scan(layout.claims):
        with contextlib.suppress(OSError):
            owner = by_inode.get(entry.inode())
            if owner is not None:
                owner.claimed.append(entry.name[:32])
                taken += 1
    if taken:
        _find_staging(layout, {owner.name: owner for owner in by_inode.values()})
    return sorted(by_inode.values(), key=lambda one: (not one.alive, one.name))


def _leases(layout: Layout) -> list[tuple[int, Owner]]:
    found = []
    for entry in _scan(layout.leases):
        if entry.name.startswith(".") or entry.is_dir():
            continue
        with contextlib.suppress(OSError, ValueError):
            told = orjson.loads(Path(entry.path).read_bytes())
            if not isinstance(told, Mapping):
                continue
            about = entry.stat()
            alive = not is_gone(told) and time.time() - about.st_mtime <= _SLACK * lease_seconds()
            name = layout.lease_owner(entry.name)
            owner = Owner(
                name, str(told.get("host", "")), int(told.get("pid", 0)), dict(told.get("slurm") or {}),
                about.st_mtime, alive,
            )  # fmt: skip
            found.append((about.st_ino, owner))
    return found


def _find_staging(layout: Layout, owners: Mapping[str, Owner]) -> None:
    """Add what is being made to each owner."""
    claimed = {id for owner in owners.values() for id in owner.claimed[:_MOST_CLAIMS]}
    told = {one.get("id"): one for owner in owners for one in progress.read(layout.live_logs(owner))}
    for shard in sorted({id[:2] for id in claimed}):
        for entry in _scan(layout.shard(shard)):
            owner = owners.get(layout.staging_owner(entry.name) or "")
            if owner is not None and entry.name[1:33] in claimed:
                worker, since = layout.staging_maker(entry.name)
                id = entry.name[1:33]
                owner.making.append(Making(id, owner.name, worker, Path(entry.path), since, told.get(id, {})))


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []

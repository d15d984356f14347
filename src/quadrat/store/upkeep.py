"""Upkeep: check what is there (`verify`), and find what may go (`gc`). Finding deletes nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import orjson

from quadrat.core.content import sha256, size
from quadrat.store.layout import SHARDS, SUBMISSION_FILE, Layout
from quadrat.store.lease import owner_alive
from quadrat.store.record import RUN_FILE, Record

HALF_SECONDS = 3600.0
"""A link gets its name at once; one that has none after this has lost its maker."""
UNUSED_SECONDS = 7 * 24 * 3600.0
"""A frozen plan that no submission names may still be that of a job that waits somewhere."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a run: which one, which file, what, and what to do about it."""

    id: str
    path: str
    what: str
    advice: str


@dataclass(frozen=True)
class Leftover:
    """Something that may go: why, where, how many bytes."""

    kind: str
    path: Path
    size: int


def run_folders(layout: Layout) -> Iterator[tuple[str, int, Path]]:
    """Every committed attempt: id, attempt, folder."""
    for shard in SHARDS:
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(layout.shard(shard))):
                parsed = Layout.run_name(name)
                if parsed:
                    yield *parsed, layout.shard(shard) / name


def verify(layout: Layout, *, checksums: bool = True) -> Iterator[tuple[str, Problem | None]]:
    """Check every run: its record parses, its artifacts are there, of the right size and checksum.

    An attempt that a later one has replaced is nobody's loss: what is wrong with it is not told.

    Yields:
        (id, problem or None) as it goes, for a progress bar.
    """
    for id, attempts in groupby(run_folders(layout), lambda found: found[0]):
        newest_first = sorted(((attempt, folder) for _, attempt, folder in attempts), reverse=True)
        for attempt, folder in newest_first:
            problem = _check(id, attempt, folder, checksums)
            yield id, problem
            if problem is None:
                break


def _check(id: str, attempt: int, folder: Path, checksums: bool) -> Problem | None:
    again = f"set it aside with `quadrat quarantine {id[:12]}`, then `quadrat run` makes it again"
    try:
        record = Record.load(folder)
    except FileNotFoundError:
        return Problem(id, str(folder / RUN_FILE), "is missing", again)
    except (OSError, ValueError, TypeError) as error:
        return Problem(id, str(folder / RUN_FILE), f"cannot be read ({type(error).__name__}: torn?)", again)
    if (record.id, record.attempt) != (id, attempt):
        return Problem(id, str(folder), f"holds the record of {record.id}.{record.attempt}", again)
    for artifact in record.artifacts.values():
        path = folder / artifact.path
        if not path.exists():
            if artifact.temp:
                continue  # gone with its last reader, as declared
            return Problem(id, str(path), "is missing", again)
        found = size(path)
        if found != artifact.size:
            what = "is truncated" if found < artifact.size else "has grown"
            return Problem(id, str(path), f"{what} ({found} of {artifact.size} bytes)", again)
        if checksums and sha256(path) != artifact.sha256:
            return Problem(id, str(path), "has other bytes than when it was committed (checksum)", again)
    return None


def leftovers(layout: Layout) -> Iterator[Leftover]:
    """What nobody needs any more: replaced attempts, and what dead processes left behind."""
    newest: dict[str, int] = {}
    attempts = list(run_folders(layout))
    for id, attempt, _ in attempts:
        newest[id] = max(newest.get(id, 0), attempt)
    if not live_owners(layout):  # a run that is under way may read the attempt that its plan knew
        for id, attempt, folder in attempts:
            if attempt < newest[id] and _is_valid(layout.run(id, newest[id])):
                yield Leftover("replaced attempt", folder, size(folder))
    yield from dead_leftovers(layout)
    for folder in _entries(layout.home / "scratch"):
        if folder.name in newest:
            yield Leftover("scratch of a finished run", folder, size(folder))
    named = {_plan_of(folder) for folder in _entries(layout.submissions)}
    for folder in _entries(layout.plans):
        if folder.is_dir() and folder.name not in named and time.time() - folder.stat().st_mtime > UNUSED_SECONDS:
            yield Leftover("frozen plan that no submission names", folder, _size(folder))


def _plan_of(submission: Path) -> str:
    """The frozen plan that a submission runs."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return str(orjson.loads((submission / SUBMISSION_FILE).read_bytes())["plan"])
    return ""


def dead_leftovers(layout: Layout) -> Iterator[Leftover]:
    """Staging folders, logs, claims and leases of processes that are gone.

    What there is is listed before who is alive: whatever a process makes, it makes after its lease.
    """
    staged = list(_staged(layout))
    logs = _entries(layout.home / "live")
    claims = {claim: inode for claim in _entries(layout.claims) if (inode := _inode(claim))}
    alive = live_owners(layout)
    leases = {_inode(lease) for lease in _entries(layout.leases)}
    for folder, owner in staged:
        if owner not in alive:
            yield Leftover("staging of a dead process", folder, _size(folder))
    for folder in logs:
        if folder.name not in alive:
            yield Leftover("live log of a dead process", folder, _size(folder))
    for half in _entries(layout.links):
        with contextlib.suppress(OSError):
            if time.time() - half.lstat().st_ctime > HALF_SECONDS:
                yield Leftover("link without a name", half, 0)
    for lease in _entries(layout.dead_leases):
        yield Leftover("lease of a dead process", lease, _size(lease))
    for claim, inode in claims.items():
        if inode not in leases:
            yield Leftover("claim of a dead process", claim, 0)


def _staged(layout: Layout) -> Iterator[tuple[Path, str]]:
    for shard in SHARDS:
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(layout.shard(shard)):
                owner = Layout.staging_owner(name)
                if owner is not None:
                    yield layout.shard(shard) / name, owner


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _size(path: Path) -> int:
    """The size of something that may go away meanwhile."""
    try:
        return size(path)
    except OSError:
        return 0


def live_owners(layout: Layout) -> set[str]:
    """The processes that are at work on the store; those found dead are declared so."""
    alive = set()
    for lease in _entries(layout.leases):
        if lease.is_dir() or lease.name.startswith("."):
            continue
        with contextlib.suppress(OSError, ValueError):
            if owner_alive(layout, lease.name, orjson.loads(lease.read_bytes())):
                alive.add(Layout.lease_owner(lease.name))
    return alive


def remove(leftover: Leftover) -> None:
    """Take a leftover away."""
    if leftover.path.is_dir():
        shutil.rmtree(leftover.path, ignore_errors=True)
    else:
        leftover.path.unlink(missing_ok=True)


def _is_valid(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError, TypeError):
        Record.load(folder)
        return True
    return False


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def reap(layout: Layout, own: str = "") -> int:
    """Take away what dead processes left behind; how many attempts had been staged.

    Args:
        layout: of the store.
        own: the owner that asks, which is alive.
    """
    gone: list[Leftover] = []
    with contextlib.suppress(OSError):  # a store that can only be read, or a copy without its empty folders
        live = layout.live_logs("")
        named = {*os.listdir(layout.leases), *(os.listdir(live) if live.is_dir() else ())}
        others = {name for name in named if not name.startswith(".")} - {"dead", own}
        if others or os.listdir(layout.dead_leases):
            gone += dead_leftovers(layout)
        for leftover in gone:
            remove(leftover)
    return sum(leftover.kind.startswith("staging") for leftover in gone)

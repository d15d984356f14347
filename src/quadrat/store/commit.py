"""Commit: a run appears whole, under its name, by one atomic rename, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

from quadrat.core.errors import StoreError
from quadrat.core.faults import reached
from quadrat.store.layout import Layout
from quadrat.store.record import RUN_FILE, Record

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def stage(layout: Layout, id: str, owner: str, nonce: str) -> Path:
    """Make the staging folder of an attempt, beside its target."""
    folder = layout.staging(id, owner, nonce)
    try:
        os.mkdir(folder)
    except FileNotFoundError:
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.mkdir(folder)
    reached("commit.staged")
    return folder


def commit(layout: Layout, staging: Path, record: Record, *, durable: bool = False) -> tuple[Record, bool]:
    """Publish a staged run.

    Args:
        layout: of the store.
        staging: the folder with the artifacts.
        record: what its `run.json` is to say.
        durable: also survive a power loss (fsync: five to ten times as slow).

    Returns:
        The record that is in the store now, and whether it is this one: somebody else may have been first, and the
        staging is gone then. Where the name is taken by a torn run, this one gets the next attempt's.

    Raises:
        OSError: where the store cannot be written (see `disk_error`).
    """
    while True:
        _write(staging, record, durable=durable)
        target = layout.run_text(record.id, record.attempt)
        try:
            os.rename(staging, target)
        except OSError as error:
            # Over NFS a rename that was retried may report failure after it worked: ours is there then.
            there = _there(target)
            if there is not None and not staging.exists() and _same(there, record):
                return record, True
            if error.errno not in _TAKEN:
                raise
            if there is not None:
                discard(staging)
                return there, False
            record = replace(record, attempt=record.attempt + 1)
            continue
        reached("commit.renamed")
        if durable:
            _sync(Path(target).parent)
        return record, True


def _write(staging: Path, record: Record, *, durable: bool) -> None:
    target = f"{staging}/{RUN_FILE}"
    with open(target, "wb", buffering=0) as file:
        data = record.to_json()
        if file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
        if durable:
            os.fsync(file.fileno())
    if durable:
        for artifact in record.artifacts.values():
            path = staging / artifact.path
            for part in [*path.rglob("*"), path] if path.is_dir() else [path]:
                _sync(part)
        _sync(staging)
    reached("commit.written")


def discard(staging: Path) -> None:
    """Take away a staging folder."""
    shutil.rmtree(staging, ignore_errors=True)


def discard_attempts(layout: Layout, id: str, owner: str) -> None:
    """Take away what workers of a process that were killed have staged of a run."""
    shard = layout.shard(id[:2])
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(shard):
            if name.startswith(f".{id}~") and Layout.staging_owner(name) == owner:
                discard(shard / name)


def disk_error(error: OSError, layout: Layout) -> StoreError:
    """What to tell the user of a store that cannot be written."""
    if error.errno in _NO_ROOM:
        return StoreError(
            f"the disk of the store is full ({error.strerror})",
            where=str(layout.root),
            hint="what is finished is safe; make room (see `quadrat gc`), then run the same command again",
        )
    return StoreError(
        f"the store cannot be written: {error.strerror}",
        where=str(error.filename or layout.root),
        hint="check that the folder exists and is yours, or give another with --store",
    )


def _sync(path: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _there(target: str) -> Record | None:
    """What is committed under a name, or None where that is torn or gone."""
    try:
        return Record.load(Path(target))
    except (OSError, ValueError, TypeError):
        return None


def _same(one: Record, other: Record) -> bool:
    return (one.started, one.pid, one.host) == (other.started, other.pid, other.host)

"""Commit: a run appears whole, under its name, by one atomic rename, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
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


def commit(layout: Layout, staging: Path, record: Record, *, durable: bool = False) -> bool:
    """Publish a staged run. Returns False where somebody else has committed it first; the staging is gone then.

    Args:
        layout: of the store; staging: the folder with the artifacts; record: what its `run.json` is to say.
        durable: also survive a power loss (fsync: five to ten times as slow).

    Raises:
        OSError: where the store cannot be written (see `disk_error`).
    """
    path = f"{staging}/{RUN_FILE}"
    with open(path, "wb", buffering=0) as file:
        data = record.to_json()
        if file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if durable:
            os.fsync(file.fileno())
    if durable:
        for artifact in record.artifacts.values():
            _sync(staging / artifact.path)
        _sync(staging)
    reached("commit.written")
    target = layout.run_text(record.id, record.attempt)
    try:
        os.rename(staging, target)
    except OSError as error:
        if error.errno in _TAKEN:
            discard(staging)
            return False
        # Over NFS a rename that was retried may report failure after it worked: ours is there then.
        if not staging.exists() and _is_ours(target, record):
            return True
        raise
    reached("commit.renamed")
    if durable:
        _sync(Path(target).parent)
    return True


def discard(staging: Path) -> None:
    """Take away a staging folder."""
    shutil.rmtree(staging, ignore_errors=True)


def disk_error(error: OSError, layout: Layout) -> StoreError:
    """What to tell the user of a store that cannot be written."""
    if error.errno in _NO_ROOM:
        return StoreError(
            f"the disk of the store is full ({error.strerror})",
            where=str(layout.root),
            hint="what is finished is safe; make room (`quadrat gc` shows what could go), then run the same command again",
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


def _is_ours(target: str, record: Record) -> bool:
    try:
        there = Record.load(Path(target))
    except (OSError, ValueError, TypeError):
        return False
    return (there.started, there.pid, there.host) == (record.started, record.pid, record.host)

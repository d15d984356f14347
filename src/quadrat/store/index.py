"""The index: what the run folders say, as columns. A cache: delete it and nothing is lost.

A shard whose modification time has moved since it was listed is listed again, and only runs that are new in it are
read. What is kept on disk between commands is in `packing.py`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import mmap
import os
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.errors import StoreError
from quadrat.core.finished import Finished, split_ids
from quadrat.store.layout import SHARDS, Layout
from quadrat.store.record import RUN_FILE, Record
from quadrat.store.scan import Entry, newest_attempts, read_all

UNPACKED = np.uint64(2**64 - 1)
"""The place in the pack of a run that is not in it."""
# A file system's clock may be this coarse, or ahead of ours: a shard that moved so lately is listed again.
UNSETTLED_NS = 2_000_000_000

_WINDOW = 1 << 23
"""Bytes of the pack that are searched at once."""

LIGHT = np.dtype(
    [
        ("high", "u8"),
        ("low", "u8"),
        ("attempt", "i4"),
        ("task", "i4"),
        ("code", "i4"),
        ("digest", "u8"),
        ("inputs", "u8"),
        ("family", "u8"),
        ("length", "f8"),
        ("seconds", "f4"),
        ("started", "f8"),
        ("start", "u8"),
        ("size", "u4"),
    ]
)


Seen = tuple[int, int, int]
"""A shard as it was seen: its modification time, when it was listed (both in nanoseconds), a checksum of its names."""


@dataclass
class Index:
    """The newest valid attempt of every finished run.

    Attributes:
        light: one row for each run, sorted by id (see LIGHT).
        codes, tasks: the tables that the columns `code` and `task` refer to ("study/task").
        shards: each listed shard as it was seen.
        torn: folders whose `run.json` cannot be read: what a power loss may leave.
        fresh: the bytes of `run.json` of rows that are not in the snapshot, where they are kept to be saved.
        runs: the folder of the store's runs.
        stamp: when the snapshot was written; 0 where there was none.
        saved: the names of the files of the snapshot, where there is one with exactly these runs.
        mapped: the bytes of the snapshot's pack.
    """

    light: NDArray[Any]
    codes: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    shards: dict[str, Seen] = field(default_factory=dict)
    torn: list[str] = field(default_factory=list)
    fresh: dict[int, bytes] = field(default_factory=dict)
    saved: tuple[str, str] | None = None
    mapped: mmap.mmap | None = None
    runs: str = ""
    stamp: int = 0

    def __len__(self) -> int:
        """How many runs there are."""
        return len(self.light)

    def ids(self) -> list[str]:
        """The ids as text."""
        return [
            f"{high:016x}{low:016x}"
            for high, low in zip(self.light["high"].tolist(), self.light["low"].tolist(), strict=True)
        ]

    def finished(self, failed: frozenset[bytes], accepted: dict[str, set[str]]) -> Finished:
        """The columns that a plan needs."""
        light = self.light
        return Finished(
            light["high"],
            light["low"],
            light["attempt"],
            light["digest"],
            light["code"],
            light["seconds"],
            np.arange(len(light)),
            self.codes,
            failed,
            accepted,
            light["inputs"],
        )

    def raw(self, row: int) -> bytes:
        """The bytes of a run's `run.json`; StoreError where the run was taken away meanwhile."""
        if row in self.fresh:
            return self.fresh[row]
        one = self.light[row]
        if one["start"] != UNPACKED and self.mapped is not None:
            start = int(one["start"])
            return self.mapped[start : start + int(one["size"])]
        id = f"{int(one['high']):016x}{int(one['low']):016x}"
        try:
            return Path(self.runs, id[:2], f"{id}.{one['attempt']}", RUN_FILE).read_bytes()
        except OSError:
            raise StoreError(f"run {id[:12]} is not in the store any more", where=self.runs) from None

    @property
    def unpacked(self) -> NDArray[np.int64]:
        """The rows that are not in the snapshot."""
        return np.flatnonzero(self.light["start"] == UNPACKED)

    def record(self, row: int) -> Record:
        """A run's record."""
        return Record.from_json(self.raw(row))

    def mentioning(self, text: bytes) -> list[int]:
        """The rows whose `run.json` has some bytes in it, such as the id of a run that they read."""
        unpacked = self.unpacked
        found = {row for row in unpacked.tolist() if text in self.raw(row)}
        if self.mapped is not None:
            starts, sizes = self.light["start"], self.light["size"]
            order = np.argsort(starts, kind="stable")[: len(self) - len(unpacked)]
            ends = starts[order] + sizes[order]
            for begin in range(0, len(self.mapped), _WINDOW):
                until = begin + _WINDOW + len(text) - 1
                at = self.mapped.find(text, begin, until)
                while at >= 0:
                    place = int(np.searchsorted(ends, at, side="right"))
                    if place < len(order) and starts[order[place]] <= at:
                        found.add(int(order[place]))
                    at = self.mapped.find(text, at + len(text), until)
                self.let_go()
        return sorted(found)

    def let_go(self) -> None:
        """Let go of the pages of the pack that were read, which count as this process's memory; the system has them."""
        if self.mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapped.madvise(mmap.MADV_DONTNEED)


def empty() -> Index:
    """The index of an empty store."""
    return Index(np.zeros(0, LIGHT))


def refresh(layout: Layout, index: Index, *, keep: bool = True) -> tuple[Index, bool]:
    """The index as the folders are now, and whether it differs from what was given.

    Args:
        layout: of the store.
        index: as it was.
        keep: keep the bytes of new records, for who will save the index.
    """
    index.runs = layout.runs_text
    moved = _moved(layout, index)
    seen = {name: one for name, (one, _) in moved.items()}
    changed = {
        name: names
        for name, (one, names) in moved.items()
        if name not in index.shards or index.shards[name][2] != one[2]
    }
    kept = np.ones(len(index), dtype=bool)
    rows_of = _by_shard(index, changed)
    read: list[Entry] = []
    torn = [path for path in index.torn if Path(path).parent.name not in changed and Path(path).exists()]
    wanted: list[tuple[str, list[int]]] = []
    for name, names in changed.items():
        there = newest_attempts(names)
        for row, id, attempt in rows_of.get(name, ()):
            if there.get(id, [None])[0] == attempt:
                del there[id]
            else:
                kept[row] = False
        wanted += there.items()
    for entry, unreadable in read_all(layout, wanted):
        torn += unreadable
        if entry is not None:
            read.append(entry if keep else dataclasses.replace(entry, data=b""))
    if not read and kept.all() and torn == index.torn:
        # Nothing new, but shards that have settled since need not be listed again: worth keeping.
        index.shards |= seen
        return index, any(mtime <= listed - UNSETTLED_NS for mtime, listed, _ in seen.values())
    return _updated(index, kept, read, torn, {**index.shards, **seen}), True


def of(layout: Layout, ids: Iterable[str]) -> Index:
    """An index of some runs only, read from their folders: for a process that has to do with few runs of many."""
    wanted: dict[str, set[str]] = {}
    for id in ids:
        wanted.setdefault(id[:2], set()).add(id)
    found: list[tuple[str, list[int]]] = []
    for shard, those in wanted.items():
        with contextlib.suppress(FileNotFoundError):
            names = [name for name in os.listdir(f"{layout.runs_text}/{shard}") if name[:32] in those]
            found += newest_attempts(names).items()
    read: list[Entry] = []
    torn: list[str] = []
    for entry, unreadable in read_all(layout, found):
        torn += unreadable
        if entry is not None:
            read.append(entry)
    none = empty()
    none.runs = layout.runs_text
    return _updated(none, np.ones(0, dtype=bool), read, torn, {})


def _moved(layout: Layout, index: Index) -> dict[str, tuple[Seen, list[str]]]:
    """The shards whose time has moved since they were listed, or may have: as they are now, and the names in them."""
    now = time.time_ns()
    moved: dict[str, tuple[Seen, list[str]]] = {}
    for name in SHARDS:
        path = f"{layout.runs_text}/{name}"
        try:
            mtime = os.stat(path).st_mtime_ns
            known = index.shards.get(name)
            if known is None or known[0] != mtime or mtime > known[1] - UNSETTLED_NS:
                names = sorted(one for one in os.listdir(path) if one[0] != ".")
                moved[name] = ((mtime, now, zlib.crc32("\0".join(names).encode())), names)
        except FileNotFoundError:
            continue
    return moved


def _by_shard(index: Index, moved: Iterable[str]) -> dict[str, list[tuple[int, str, int]]]:
    """The known rows of some shards: (row, id, attempt)."""
    found: dict[str, list[tuple[int, str, int]]] = {}
    if not len(index):
        return found
    first = np.searchsorted(index.light["high"], np.arange(256, dtype=np.uint64) << np.uint64(56))
    bounds = [*first.tolist(), len(index)]
    for name in moved:
        shard = int(name, 16)
        part = index.light[bounds[shard] : bounds[shard + 1]]
        found[name] = [
            (bounds[shard] + place, f"{high:016x}{low:016x}", attempt)
            for place, (high, low, attempt) in enumerate(
                zip(part["high"].tolist(), part["low"].tolist(), part["attempt"].tolist(), strict=True)
            )
        ]
    return found


def _updated(
    index: Index,
    keep: NDArray[np.bool_],
    read: Sequence[Entry],
    torn: list[str],
    shards: dict[str, Seen],
) -> Index:
    codes = {code: place for place, code in enumerate(index.codes)}
    tasks = {task: place for place, task in enumerate(index.tasks)}
    new = np.zeros(len(read), LIGHT)
    if read:
        new["high"], new["low"] = split_ids([bytes.fromhex(one.id) for one in read])
    new["task"] = [tasks.setdefault(one.task, len(tasks)) for one in read]
    new["code"] = [codes.setdefault(one.code, len(codes)) for one in read]
    new["size"] = [one.size for one in read]
    new["start"] = UNPACKED
    for name in ("attempt", "digest", "inputs", "family", "length", "seconds", "started"):
        new[name] = [getattr(one, name) for one in read]
    old_rows = np.flatnonzero(keep)
    light = np.concatenate([index.light[old_rows], new])
    order = np.lexsort((light["low"], light["high"]))
    # The bytes of new runs are not in the pack before it is written: keep them by row.
    position = np.empty(len(light), np.int64)
    position[order] = np.arange(len(light))
    fresh = {int(position[len(old_rows) + place]): one.data for place, one in enumerate(read) if one.data}
    for row, data in index.fresh.items():
        if keep[row]:
            fresh[int(position[np.searchsorted(old_rows, row)])] = data
    return Index(
        light[order], list(codes), list(tasks), shards, torn, fresh, mapped=index.mapped, runs=index.runs,
        stamp=index.stamp,
    )  # fmt: skip

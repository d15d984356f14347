"""Reading the records of many runs: what the index is made of."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import orjson

from quadrat.core.identity import inputs_digest
from quadrat.store.layout import Layout
from quadrat.store.record import RUN_FILE

MANY = 500
READERS = 8
COLD_SECONDS = 5e-5


@dataclass(frozen=True, slots=True)
class Entry:
    """A run as it is read: the bytes of its `run.json`, how many, and what the light columns need of them."""

    id: str
    attempt: int
    data: bytes
    size: int
    task: str
    code: str
    digest: int
    inputs: int
    family: int
    length: float
    seconds: float
    started: float


def _read(folder: str, id: str, attempt: int) -> Entry | None:
    """A run, from its folder; None where its `run.json` is torn."""
    try:
        handle = os.open(f"{folder}/{RUN_FILE}", os.O_RDONLY)
    except OSError:
        return None
    try:
        data = os.read(handle, 1 << 16)
        while len(data) % (1 << 16) == 0 and (more := os.read(handle, 1 << 20)):
            data += more
        raw = orjson.loads(data)
        return Entry(
            id,
            attempt,
            data,
            len(data),
            f"{raw['study']}/{raw['task']}",
            raw.get("code", ""),
            _number(raw["digest"]),
            inputs_digest([_number(one[2]) for one in raw.get("read", ())]),
            _number(raw.get("family", "")),
            raw.get("length", np.nan),
            raw.get("seconds", 0.0),
            raw.get("started", 0.0),
        )
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return None
    finally:
        os.close(handle)


def _number(digest: str) -> int:
    """The first 64 bits of a hash in hexadecimal digits; 0 for none."""
    return int(digest[:16] or "0", 16)


def newest_attempts(names: Iterable[str]) -> dict[str, list[int]]:
    """For each id among the names of a shard its attempts, newest first."""
    found: dict[str, list[int]] = {}
    for name in names:
        parsed = Layout.run_name(name)
        if parsed:
            found.setdefault(parsed[0], []).append(parsed[1])
    for attempts in found.values():
        if len(attempts) > 1:
            attempts.sort(reverse=True)
    return found


def read_all(layout: Layout, wanted: Sequence[tuple[str, list[int]]]) -> Iterator[tuple[Entry | None, list[str]]]:
    """The newest attempt of each run that can be read, and the folders of newer ones that cannot."""

    def newest(one: tuple[str, list[int]]) -> tuple[Entry | None, list[str]]:
        id, attempts = one
        unreadable: list[str] = []
        for attempt in attempts:
            folder = layout.run_text(id, attempt)
            entry = _read(folder, id, attempt)
            if entry is not None:
                return entry, unreadable
            unreadable.append(folder)
        return None, unreadable

    before = time.perf_counter()
    yield from map(newest, wanted[:MANY])
    rest = wanted[MANY:]
    if (time.perf_counter() - before) / MANY < COLD_SECONDS:
        yield from map(newest, rest)
        return
    # The files are not in memory: the disk answers many at once. (Where they are, threads are twice as slow.)
    with ThreadPoolExecutor(READERS) as readers:
        pieces = [rest[start : start + MANY] for start in range(0, len(rest), MANY)]
        for found in readers.map(lambda piece: [newest(one) for one in piece], pieces):
            yield from found

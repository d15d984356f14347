"""The index on disk: one snapshot, replaced by rename. A cache: delete it and nothing is lost.

Light columns (`light.npy`), the bytes of every `run.json` behind each other (`pack`), and a manifest that names both
and the modification time of every shard when it was listed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import time
from pathlib import Path

import numpy as np
import orjson

from quadrat.core.errors import StoreError
from quadrat.core.faults import reached
from quadrat.store.index import LIGHT, Index, empty
from quadrat.store.layout import Layout

MANIFEST = "manifest.json"
INDEX_FORMAT = 2


def load(layout: Layout) -> Index:
    """The snapshot as it is on disk; an empty index where there is none that can be read."""
    try:
        stamp = stamp_of(layout)
        manifest = orjson.loads((layout.index / MANIFEST).read_bytes())
        if manifest["format"] != INDEX_FORMAT:
            return empty()
        light = np.load(layout.index / manifest["light"])
        if light.dtype != LIGHT or len(light) != manifest["runs"]:
            return empty()
        mapped = _map(layout.index / manifest["pack"])
        if (len(mapped) if mapped else 0) != manifest["bytes"]:
            return empty()
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return empty()
    shards = {name: (seen[0], seen[1], seen[2]) for name, seen in manifest["shards"].items()}
    saved = (manifest["light"], manifest["pack"])
    return Index(
        light, manifest["codes"], manifest["tasks"], shards, manifest["torn"], saved=saved, mapped=mapped,
        runs=layout.runs_text, stamp=stamp,
    )  # fmt: skip


def stamp_of(layout: Layout) -> int:
    """When the snapshot on disk was written; 0 where there is none."""
    try:
        return os.stat(layout.index / MANIFEST).st_mtime_ns
    except OSError:
        return 0


def _map(pack: Path) -> mmap.mmap | None:
    """The bytes of a pack: opened at once, since another process may replace the snapshot at any time."""
    with pack.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(file.fileno()).st_size else None


def save(layout: Layout, index: Index) -> None:
    """Replace the snapshot on disk. A store that cannot be written keeps the old one."""
    with contextlib.suppress(OSError, StoreError):
        layout.index.mkdir(parents=True, exist_ok=True)
        if index.saved and not len(index.unpacked):
            _write_manifest(layout, index, *index.saved)
            return
        token = secrets.token_hex(6)
        light, pack = f"light-{token}.npy", f"pack-{token}"
        try:
            _write(layout, index, light, pack)
        except (OSError, StoreError):
            for name in (light, pack):
                (layout.index / name).unlink(missing_ok=True)
            raise
        for entry in os.scandir(layout.index):
            if token not in entry.name and entry.name != MANIFEST and _is_old(entry):
                Path(entry.path).unlink(missing_ok=True)


def _is_old(entry: os.DirEntry[str]) -> bool:
    """Whether a superseded file may go: another process may have opened the manifest a moment ago."""
    return time.time() - entry.stat().st_mtime > 5


def _write(layout: Layout, index: Index, light_name: str, pack_name: str) -> None:
    light = index.light.copy()
    start = 0
    starts = []
    with (layout.index / pack_name).open("wb") as file:
        for row in range(len(index)):
            starts.append(start)
            start += file.write(index.raw(row))
    light["start"] = starts
    np.save(layout.index / light_name, light)
    reached("index.written")
    _write_manifest(layout, index, light_name, pack_name)
    reached("index.replaced")
    index.light, index.fresh, index.mapped = light, {}, _map(layout.index / pack_name)
    index.saved, index.stamp = (light_name, pack_name), stamp_of(layout)


def _write_manifest(layout: Layout, index: Index, light_name: str, pack_name: str) -> None:
    manifest = {
        "format": INDEX_FORMAT,
        "runs": len(index),
        "bytes": (layout.index / pack_name).stat().st_size,
        "light": light_name,
        "pack": pack_name,
        "codes": index.codes,
        "tasks": index.tasks,
        "shards": index.shards,
        "torn": index.torn,
    }
    partial = layout.index / f".{secrets.token_hex(6)}"
    try:
        partial.write_bytes(orjson.dumps(manifest))
        os.replace(partial, layout.index / MANIFEST)
    except OSError:
        partial.unlink(missing_ok=True)
        raise

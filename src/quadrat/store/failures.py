"""Records of runs that failed: what went wrong, the log, and how to run them alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import orjson

from quadrat.store.layout import Layout

_RECORD = re.compile(r"[0-9a-f]{32}\.json")


@dataclass(frozen=True)
class Failure:
    """A run that failed.

    Attributes:
        kind: "error", "timeout", "killed" or "memory".
        message: one line; runs that failed of the same cause have the same one, as far as that goes.
        traceback: the user's own frames, for an error.
        log: the tail of what it printed.
        tries: how often it was tried in the session that wrote this.
        inputs, group, plan: what it takes to run it again by itself.
    """

    id: str
    study: str
    task: str
    params: dict[str, Any]
    kind: str
    message: str
    traceback: str = ""
    log: str = ""
    tries: int = 1
    seconds: float = 0.0
    host: str = ""
    at: float = 0.0
    code: str = ""
    rerun: str = ""
    chain: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    group: dict[str, Any] = field(default_factory=dict)
    plan: str = ""


@dataclass(frozen=True)
class Cause:
    """Runs of a task that failed in the same way: the first of them, and the ids of all."""

    first: Failure
    ids: list[str]


def by_cause(failures: Iterable[Failure]) -> list[Cause]:
    """Failures by task, kind and message, the most frequent first."""
    found: dict[tuple[str, str, str], Cause] = {}
    for one in failures:
        found.setdefault((one.task, one.kind, one.message), Cause(one, [])).ids.append(one.id)
    return sorted(found.values(), key=lambda cause: -len(cause.ids))


def write(layout: Layout, failure: Failure, log: bytes = b"") -> None:
    """Keep the record of a failure, in place of an older one."""
    layout.failures.mkdir(parents=True, exist_ok=True)
    if log:
        _replace(layout.failure_log(failure.id), log)
    else:
        layout.failure_log(failure.id).unlink(missing_ok=True)
    _replace(layout.failure(failure.id), orjson.dumps(asdict(failure), default=str))


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def read(layout: Layout, id: str) -> Failure | None:
    """The record of a run's failure, or None."""
    try:
        raw = orjson.loads(layout.failure(id).read_bytes())
    except (OSError, ValueError):
        return None
    known = {one.name for one in fields(Failure)}
    return Failure(**{name: value for name, value in raw.items() if name in known})


def forget(layout: Layout, id: str) -> None:
    """Drop the record of a failure: the run has worked since."""
    layout.failure(id).unlink(missing_ok=True)
    layout.failure_log(id).unlink(missing_ok=True)


Stamp = tuple[int, int]


def stamp(layout: Layout, id: str) -> Stamp | None:
    """What changes whenever the record of a run's failure is written anew; None where there is none."""
    try:
        found = os.stat(layout.failure(id))
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def stamps(layout: Layout) -> dict[str, Stamp]:
    """The stamps of all records of failures."""
    return {id: found for id in (one.hex() for one in failed_ids(layout)) if (found := stamp(layout, id))}


def failed_ids(layout: Layout) -> frozenset[bytes]:
    """The ids of all runs with a failure on record."""
    try:
        names = os.listdir(layout.failures)
    except FileNotFoundError:
        return frozenset()
    return frozenset(bytes.fromhex(name[:32]) for name in names if _RECORD.fullmatch(name))

"""The record of a finished run: what `run.json` holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import orjson

from quadrat.core.result import join_nonfinite

RUN_FILE = "run.json"
LOG_FILE = "log.txt"


@dataclass(frozen=True)
class Artifact:
    """A file (or folder) of a run: its path in the run's folder, bytes, SHA-256, and whether it is temporary."""

    path: str
    size: int
    sha256: str
    temp: bool = False


@dataclass(frozen=True)
class Read:
    """An upstream run as it was read: id, attempt, digest of its result."""

    id: str
    attempt: int
    digest: str


@dataclass(frozen=True)
class Record:
    """A finished run.

    Attributes:
        id, study, task, version, attempt: which run it is.
        params: own params, as JSON.
        inputs: for each upstream argument an id, a list of ids, or None.
        read: every upstream run as it was read.
        metrics, nonfinite, artifacts: the result; metrics that are nan or infinite stand in `nonfinite` as text.
        digest: hash of the result, 32 hexadecimal digits: equal results have equal ones.
        code: fingerprint of the task's code; environment, git: what it ran in.
        host, pid, started (seconds since 1970), seconds, cpu_seconds, peak_memory (bytes): how it ran.
        seeds: what it asked for; log: the tail of what it printed; plan: the request that made it.
        family, length: for tasks that extend: runs that differ in nothing but their length share a family.
        continued: the run that it was continued from.
        group, dropped: for a gather what its members agree in, and how many members failed.
    """

    id: str
    study: str
    task: str
    version: int
    attempt: int
    params: dict[str, Any]
    inputs: dict[str, Any]
    read: list[Read]
    metrics: dict[str, Any]
    artifacts: dict[str, Artifact]
    digest: str
    nonfinite: dict[str, str] = field(default_factory=dict)
    code: str = ""
    environment: str = ""
    git: dict[str, Any] = field(default_factory=dict)
    host: str = ""
    pid: int = 0
    started: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    devices: list[str] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)
    log: str = ""
    plan: str = ""
    family: str = ""
    length: float | None = None
    continued: str = ""
    group: dict[str, Any] = field(default_factory=dict)
    dropped: int = 0
    chain: dict[str, Any] = field(default_factory=dict)

    @property
    def scalars(self) -> dict[str, Any]:
        """The metrics with nan and infinities as the floats that they are."""
        return join_nonfinite(self.metrics, self.nonfinite)

    def to_json(self) -> bytes:
        """The bytes of `run.json`; fields at their default are left out."""
        return orjson.dumps(_compact(self), option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, data: bytes) -> Record:
        """The record in the bytes of `run.json`; raises ValueError or TypeError where they are torn."""
        raw = orjson.loads(data)
        raw["read"] = [Read(*one) for one in raw.get("read", [])]
        raw["artifacts"] = {name: Artifact(**one) for name, one in raw.get("artifacts", {}).items()}
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in raw.items() if name in known})

    @classmethod
    def load(cls, folder: Path) -> Record:
        """The record in a run's folder."""
        return cls.from_json((folder / RUN_FILE).read_bytes())


_EMPTY: tuple[Any, ...] = ("", 0, 0.0, None, {}, [])


def _compact(record: Record) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for one in fields(record):
        value = getattr(record, one.name)
        if one.name == "read":
            value = [[read.id, read.attempt, read.digest] for read in value]
        elif one.name == "artifacts":
            value = {name: asdict(artifact) for name, artifact in value.items()}
        if one.name in ("params", "inputs", "metrics", "artifacts", "read") or value not in _EMPTY:
            shown[one.name] = value
    return shown

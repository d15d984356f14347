"""Metrics of finished runs from the index, many at once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from quadrat.store.index import Index

_PAGES = 500
"""After so many records the memory that they are mapped to is let go."""
_KEPT = ("params", "chain", "inputs")


@dataclass
class Runs:
    """Some finished runs of one task.

    Attributes:
        rows: where they stand in the index.
        metrics: by name, one value for each run; None where a run does not have it.
        dropped: for each run how many members of its gather failed.
        versions, codes, environments: how many runs there are of each.
        records: for each run the params, chain and inputs of its record, where they were asked for.
        version: the version of each run.
    """

    rows: NDArray[np.int64]
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    environments: Counter[str] = field(default_factory=Counter)
    records: list[dict[str, Any]] = field(default_factory=list)
    version: list[int] = field(default_factory=list)


def read_runs(index: Index, rows: NDArray[np.int64], declared: Sequence[str] = (), *, records: bool = False) -> Runs:
    """Read the metrics of runs.

    Args:
        index: the store's index.
        rows: rows in it.
        declared: the metrics that the task declares: they come first, and are there even if no run has them.
        records: keep params, chain and inputs, too.
    """
    found = Runs(rows)
    found.metrics = {name: [None] * len(rows) for name in declared}
    environments: list[str] = []
    for place, row in enumerate(rows.tolist()):
        raw = orjson.loads(index.raw(row))
        values = raw["metrics"]
        if "nonfinite" in raw:
            values |= {name: float(text) for name, text in raw["nonfinite"].items()}
        for name, value in values.items():
            if name not in found.metrics:
                found.metrics[name] = [None] * len(rows)
            found.metrics[name][place] = value
        found.version.append(raw.get("version", 0))
        environments.append(sys.intern(raw.get("environment", "")))
        found.dropped.append(raw.get("dropped", 0))
        if records:
            found.records.append({key: raw.get(key) or {} for key in _KEPT})
        if place % _PAGES == _PAGES - 1:
            index.let_go()
    index.let_go()
    found.versions, found.environments = Counter(found.version), Counter(environments)
    places, counts = np.unique(index.light["code"][rows], return_counts=True)
    for place, count in zip(places.tolist(), counts.tolist(), strict=True):
        found.codes[index.codes[place]] = count
    return found


def task_rows(index: Index, study: str, task: str) -> NDArray[np.int64]:
    """The rows of every finished run of a task."""
    name = f"{study}/{task}"
    if name not in index.tasks:
        return np.zeros(0, np.int64)
    return np.flatnonzero(index.light["task"] == index.tasks.index(name))


def mixing_note(runs: Mapping[str, Runs], environment: Callable[[str], Mapping[str, Any]]) -> str | None:
    """One line on what the runs of a table do not share: versions, code, environments. None where they share all.

    Args:
        runs: the runs by task.
        environment: gives the provenance of an environment by its name.
    """
    parts: list[str] = []
    for task, one in runs.items():
        if len(one.versions) > 1:
            parts.append(f"versions {_and([str(version) for version in sorted(one.versions)])} of '{task}'")
        if len(one.codes) > 1:
            counts = " + ".join(str(count) for count in sorted(one.codes.values(), reverse=True))
            parts.append(f"{len(one.codes)} states of the code of '{task}' ({counts} runs)")
    names = dict.fromkeys(name for one in runs.values() for name in one.environments)
    if len(names) > 1:
        parts.append(f"{len(names)} environments{_difference([environment(name) for name in names])}")
    return f"these rows mix {_and(parts)}" if parts else None


def _difference(environments: Sequence[Mapping[str, Any]]) -> str:
    """What differs between environments, in brackets: the first few of it."""
    flat = []
    for one in environments:
        flat.append({key: value for key, value in one.items() if key != "packages"} | dict(one.get("packages", {})))
    differing = []
    for key in dict.fromkeys(key for one in flat for key in one):
        values = dict.fromkeys(str(one.get(key, "none")) for one in flat)
        if len(values) > 1:
            differing.append(f"{key} {' / '.join(list(values)[:3])}")
    if not differing:
        return ""
    more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
    return f" ({', '.join(differing[:3])}{more})"


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

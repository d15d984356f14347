"""The numbers of a sweep: scores, detection and learning over seeds, with intervals and one correction for all."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from .anomaly.measures import MEASURES, over_seeds
from .statistics.outcome import NORMAL
from .streams import draws

LINEAR = "ridge"
CHANCE = 0.05
"""A linear score, out-of-fold R², up to here counts as chance level."""
_BOOTSTRAP = 2000

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """The files of one flow's results.

    Attributes:
        sweep: the sweep that it belongs to.
        drop: the factors that it was not told.
        seed: its seed.
        tests, scores, learning: tests.csv, scores.npz, learning.csv.
    """

    sweep: str
    drop: tuple[str, ...]
    seed: int
    tests: Path
    scores: Path
    learning: Path


def by_sweep(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """The jobs of each sweep, in order of seeds; sweeps with fewer factors dropped come first."""
    found: dict[str, list[Job]] = {}
    for job in sorted(jobs, key=lambda job: (len(job.drop), job.drop)):
        found.setdefault(job.sweep, []).append(job)
    return {sweep: sorted(members, key=lambda job: job.seed) for sweep, members in found.items()}


def interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean and its 95% t interval over seeds; no interval for one."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    half = float(stats.t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def test_rows(sweeps: Mapping[str, Sequence[Job]]) -> list[Row]:
    """Each test of each target in each sweep: effect over seeds, and how many seeds reject.

    p values of all flows of the page are corrected together, for the share of false rejections (Benjamini & Hochberg
    1995, J. R. Stat. Soc. B 57, 289).
    """
    rows: list[Row] = [
        {**row, "sweep": sweep, "seed": job.seed}
        for sweep, jobs in sweeps.items()
        for job in jobs
        for row in _csv(job.tests)
    ]
    if not rows:
        return []
    corrected = stats.false_discovery_control([float(row["p"]) for row in rows])
    groups: dict[tuple[str, str, str], list[tuple[Row, float]]] = {}
    for row, q in zip(rows, corrected, strict=True):
        groups.setdefault((row["sweep"], row["test"], row["target"]), []).append((row, float(q)))
    found = []
    for (sweep, test, target), members in groups.items():
        effects = [float(row["effect"]) for row, _ in members]
        mean, low, high = interval(effects)
        first = members[0][0]
        ps, qs = [float(row["p"]) for row, _ in members], [q for _, q in members]
        told = None if target == NORMAL else first["told"] == "True"
        found.append(
            {"sweep": sweep, "test": test, "target": target, "told": told, "measure": first["measure"], "effect": mean}
            | {"low": low, "high": high, "effects": effects, "seeds": len(members), "p_median": float(np.median(ps))}
            | {"q_max": max(qs), "q_min": min(qs), "rejected": sum(q < 0.05 for q in qs), "n": int(first["n"])}
        )
    return found


def detection_rows(sweeps: Mapping[str, Sequence[Job]]) -> list[Row]:
    """Each detector on each kind of anomaly in each sweep: mean over seeds with bootstrap intervals."""
    found = []
    for sweep, jobs in sweeps.items():
        kept = [open_scores(job.scores) for job in jobs]
        for place, detector in enumerate(kept[0]["detector"]):
            for number, kind in enumerate(kept[0]["kind"]):
                row: Row = {"sweep": sweep, "detector": str(detector), "kind": str(kind), "seeds": len(jobs)}
                for order, name in enumerate(MEASURES):
                    values = [one["measures"][place, number, order] for one in kept]
                    random = draws(0, "seeds", sweep, str(detector), str(kind))
                    row[name], row[f"{name}_low"], row[f"{name}_high"] = over_seeds(values, random)
                found.append(row)
    return found


def learning_rows(sweeps: Mapping[str, Sequence[Job]], measure: str = "average_precision") -> list[Row]:
    """Learning curves: each strategy at each number of labels in each sweep, with intervals over seeds and pools."""
    found = []
    for sweep, jobs in sweeps.items():
        for (strategy, labels), table in _tables(jobs, ("strategy", "labels"), measure).items():
            mean, low, high = nested_interval(table, draws(0, "pools", sweep, strategy, labels))
            found.append(
                {"sweep": sweep, "strategy": strategy, "labels": int(labels), "mean": mean, "low": low, "high": high}
            )
    return found


def gain_rows(sweeps: Mapping[str, Sequence[Job]], measure: str = "average_precision") -> list[Row]:
    """The area under each strategy's learning curve above that of random, paired over pools, with intervals."""
    found = []
    for sweep, jobs in sweeps.items():
        areas = _tables(jobs, ("strategy",), measure, mean_over_labels=True)
        random_areas = areas.pop(("random",), None)
        for (strategy,), table in areas.items() if random_areas is not None else ():
            paired = [a - b for a, b in zip(table, random_areas or [], strict=True)]
            mean, low, high = nested_interval(paired, draws(0, "gain", sweep, strategy))
            found.append(
                {"sweep": sweep, "strategy": strategy, "gain": mean, "low": low, "high": high, "beats": low > 0}
            )
    return found


def nested_interval(values: Sequence[Any], random: np.random.Generator) -> tuple[float, float, float]:
    """Mean and 95% bootstrap interval of values (seeds, pools): seeds are drawn, and pools within each."""
    table = np.stack([np.asarray(one, float) for one in values])
    seeds = random.integers(len(table), size=(_BOOTSTRAP, len(table), 1))
    pools = random.integers(table.shape[1], size=(_BOOTSTRAP, len(table), table.shape[1]))
    means = table[seeds, pools].mean((1, 2))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(table.mean()), float(low), float(high)


def _tables(
    jobs: Sequence[Job], by: tuple[str, ...], measure: str, *, mean_over_labels: bool = False
) -> dict[tuple[str, ...], list[Any]]:
    """For each group the values of every job, (pools,) each."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for job in jobs:
        groups: dict[tuple[str, ...], dict[str, list[float]]] = {}
        for row in _csv(job.learning):
            pools = groups.setdefault(tuple(row[name] for name in by), {})
            pools.setdefault(row["repeat"], []).append(float(row[measure]))
        for group, pools in groups.items():
            values = [float(np.mean(each)) if mean_over_labels else each[0] for each in pools.values()]
            found.setdefault(group, []).append(np.array(values))
    return found


def open_scores(path: Path) -> dict[str, Any]:
    """The scores of one flow's detectors, as arrays by name."""
    with np.load(path) as kept:
        return dict(kept)


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))

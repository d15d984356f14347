"""The rows of a summary: which runs count, what they are called, and their averages over seeds."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from quadrat import BadInput

from .estimates import Z95

Row: TypeAlias = Mapping[str, Any]

R_HAT_MAX = 1.05
ESS_MIN = 100
_NEEDED = ("target_id", "sampler", "llc_mean", "llc_sem", "ess", "fge", "walltime_sec", "seed")


@dataclass(frozen=True)
class Entry:
    """A sampler run in a summary.

    Attributes:
        row: its analysis.json, with seed, sampler_seed, sampler_options and target.
        target: the number of its target, from 0, in the order of the rows.
        name: its target in words, as far as targets differ.
        setting: the target without its seed, in words; targets of one setting are averaged.
        series: the sampler and its options, in words.
        doubts: why the run does not count as converged; empty if it does.
    """

    row: Row
    target: int
    name: str
    setting: str
    series: str
    doubts: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether the run may enter a mean."""
        return not self.doubts

    @property
    def llc(self) -> float:
        """λ̂, or NaN."""
        return number(self.row, "llc_mean")

    @property
    def half(self) -> float:
        """Half-width of the normal 95 % interval of λ̂, 1.96 MCSE, or NaN."""
        return Z95 * number(self.row, "llc_sem")

    def rate(self, work: str, warmup: str | None = None) -> float:
        """ESS per unit of the column `work`, with that of `warmup` added where given; NaN without any work."""
        spent = number(self.row, work)
        if warmup is not None and math.isfinite(extra := number(self.row, warmup)):
            spent += extra
        return number(self.row, "ess") / spent if spent > 0 else math.nan


@dataclass(frozen=True)
class Average:
    """The mean of λ̂ over the seeds of one setting and series.

    Attributes:
        setting, series: as in `Entry`.
        mean: over converged runs; None without any. With several target seeds, of the means of the seeds.
        half: half-width of the 95 % interval by Student's t between seeds (between runs where there is one seed);
            None for one value.
        values: how many seeds (or runs) the mean is of.
        used, left_out: runs in the mean, and runs that have not converged.
        rate: mean ESS per second of the runs used, or None.
    """

    setting: str
    series: str
    mean: float | None
    half: float | None
    values: int
    used: int
    left_out: int
    rate: float | None


def number(row: Row, name: str) -> float:
    """The value of a column as a number; NaN where it is null or missing."""
    value = row.get(name)
    return math.nan if value is None else float(value)


def doubts(row: Row) -> tuple[str, ...]:
    """Why a run does not count as converged: r̂ > 1.05, ESS < 100, no finite λ̂, or its own verdict."""
    found = []
    r_hat, ess = number(row, "r_hat"), number(row, "ess")
    if r_hat > R_HAT_MAX:
        found.append(f"r̂ {math.ceil(1000 * r_hat) / 1000:.3f}")  # never rounded to what would be well
    if not ess >= ESS_MIN:
        found.append(f"ESS {math.floor(ess)}" if math.isfinite(ess) else "no ESS")
    if not (math.isfinite(number(row, "llc_mean")) and math.isfinite(number(row, "llc_sem"))):
        found.append("λ̂ not finite")
    if row.get("converged") is False and not found:
        found.append("by its own verdict")
    return tuple(found)


def entries(rows: Sequence[Row]) -> list[Entry]:
    """The rows with names for their targets and series, in the given order.

    Raises:
        BadInput: a row lacks a column that every run has, or rows of one target differ in `target` or `seed`.
    """
    for row in rows:
        if missing := [name for name in _NEEDED if name not in row]:
            raise BadInput(f"a row of the summary has no {', '.join(missing)}")
    first = {row["target_id"]: row for row in reversed(rows)}
    targets = list(dict.fromkeys(row["target_id"] for row in rows))
    sizes = {each: _sizes(first[each]) for each in targets}
    for row in rows:
        if _sizes(row) != sizes[row["target_id"]] or row["seed"] != first[row["target_id"]]["seed"]:
            raise BadInput(f"rows of target {row['target_id']} disagree in what it is")
    settings = _names(sizes.values())
    seeds = {json.dumps(row["seed"]) for row in first.values()}
    names = {}
    for each in targets:
        seed = [f"seed {first[each]['seed']}"] if len(seeds) > 1 else []
        setting = [settings[_key(sizes[each])]] if len(settings) > 1 or not seed else []  # what all share tells nothing
        names[each] = ", ".join(filter(None, setting + seed))
    taken = list(names.values())
    for each, name in names.items():
        if taken.count(name) > 1 or not name:
            names[each] = f"{name} ({each[-4:]})" if name else str(each)
    return [
        Entry(
            row=row,
            target=targets.index(row["target_id"]),
            name=names[row["target_id"]],
            setting=settings[_key(_sizes(row))] or "the one setting",
            series=_series(row),
            doubts=doubts(row),
        )
        for row in rows
    ]


def averages(runs: Sequence[Entry]) -> list[Average]:
    """One for each setting and series, in the order of first appearance. A run that has not converged is in none."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for run in runs:
        groups.setdefault((_key(_sizes(run.row)), run.series), []).append(run)
    return [_average(group) for group in groups.values()]


def _average(group: Sequence[Entry]) -> Average:
    used = [run for run in group if run.converged]
    by_seed: dict[str, list[float]] = {}
    for run in used:
        by_seed.setdefault(json.dumps(run.row["seed"]), []).append(run.llc)
    # Runs of one target are no independent looks at other targets, so the seeds of targets are counted, not the runs.
    seeds = [math.fsum(values) / len(values) for values in by_seed.values()]
    values = seeds if len(seeds) > 1 else [run.llc for run in used]
    rates = [rate for run in used if math.isfinite(rate := run.rate("walltime_sec"))]
    return Average(
        setting=group[0].setting,
        series=group[0].series,
        mean=math.fsum(values) / len(values) if values else None,
        half=_student(values),
        values=len(values),
        used=len(used),
        left_out=len(group) - len(used),
        rate=math.fsum(rates) / len(rates) if rates else None,
    )


def _student(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    from scipy.stats import t

    return float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))


def _sizes(row: Row) -> dict[str, Any]:
    """What makes a target but its seed."""
    return {name: value for name, value in (row.get("target") or {}).items() if name not in ("seed", "target_id")}


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _names(settings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """For each setting's key its words: those that differ between settings, or all where there is only one."""
    every = list(settings)
    columns = list(dict.fromkeys(name for setting in every for name in setting))
    varying = [name for name in columns if len({_key(setting.get(name)) for setting in every}) > 1]
    return {_key(setting): _words({n: setting[n] for n in varying or columns if n in setting}) for setting in every}


def _series(row: Row) -> str:
    options = row.get("sampler_options") or {}
    told = ", ".join(f"{name}={_value(options[name])}" for name in sorted(options))
    return f"{row['sampler']} ({told})" if told else str(row["sampler"])


def _words(setting: Mapping[str, Any]) -> str:
    return ", ".join(v if isinstance(v, str) else f"{name} {_value(v)}" for name, v in setting.items())


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

"""Means over axes: sample standard deviation, interval, and how many runs they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quadrat.results.columns import free
from quadrat.results.student import two_sided
from quadrat.results.table import HIDDEN, RUN, Unit

if TYPE_CHECKING:
    import polars as pl

CONFIDENCE = 0.95


def over(
    frame: pl.DataFrame, names: Sequence[str], metrics: Sequence[str], units: Mapping[str, Unit] | None = None
) -> pl.DataFrame:
    """Average metrics over some columns: one row for each combination of all other labels and parameters.

    Each metric gives `<metric>_avg`; `<metric>_std`, the sample standard deviation (ddof = 1; null for one value); and
    `<metric>_ci95`, half the width of the 95 % interval of the mean by Student's t: t(n - 1) · std / √n, so that the
    interval is mean ± ci95. `n` is the number of runs of the group; where some of them lack a metric, or share the
    upstream run that it is a metric of, `<metric>_n` is the number of values behind it. Nan stays visible (its mean is
    nan), null (no value) is left out. Truth values count as 0 and 1; metrics that are texts are left out.

    A metric of an upstream that does not depend on `names` (the size of the data, when averaging over the seeds of a
    training) has nothing to be averaged: it is carried along as it is.

    Args:
        frame: one row per run, with `run`, axes, metrics, and hidden columns (`@<task>`).
        names: the columns to average over.
        metrics: the columns that are metrics.
        units: for a metric of an upstream what its runs are: each counts once.

    Returns:
        Axes, metrics that are carried along, then the columns of each averaged metric, then `n`; groups in the order of
        their first rows.
    """
    import polars as pl

    units = units or {}
    carried = [name for name in metrics if name in units and not set(names) & units[name].axes]
    keys = [name for name in frame.columns if name not in {RUN, *names, *metrics} and not name.startswith(HIDDEN)]
    numeric = [name for name in metrics if name not in carried and is_number(frame.schema[name])]
    count = free("n", [*keys, *carried])
    first = [pl.col(name).first() for name in carried]
    parts = _grouped(frame, keys, [*first, pl.col(RUN).n_unique().cast(pl.Int64).alias(count)])
    column_of = {name: units[name].column if name in units else RUN for name in numeric}
    for unit in dict.fromkeys(column_of.values()):
        own = [name for name in numeric if column_of[name] == unit]
        distinct = frame.unique([*keys, unit], keep="first", maintain_order=True)
        part = _grouped(distinct, keys, [one for name in own for one in _statistics(name)])
        if keys:
            parts = parts.join(part, on=keys, how="left", nulls_equal=True, maintain_order="left")
        else:
            parts = parts.hstack(part)
    shown = [pl.col(name) for name in [*keys, *carried]]
    taken = {*keys, *carried, count}
    for name in numeric:
        for suffix, column in _columns(name, parts, count):
            label = free(f"{name}_{suffix}", taken)
            taken.add(label)
            shown.append(column.alias(label))
    return parts.select(*shown, count)


def is_number(kind: pl.DataType) -> bool:
    """Whether a mean can be taken of such a column: numbers, truth values, nothing at all."""
    import polars as pl

    return kind.is_numeric() or kind in {pl.Boolean(), pl.Null()}


def _grouped(frame: pl.DataFrame, keys: Sequence[str], wanted: Sequence[pl.Expr]) -> pl.DataFrame:
    if keys:
        return frame.group_by(keys, maintain_order=True).agg(wanted)
    return frame.select(wanted) if len(frame) else frame.select(wanted).clear()


def _statistics(name: str) -> list[pl.Expr]:
    import polars as pl

    value = pl.col(name).cast(pl.Float64)
    return [
        value.mean().alias(f"{HIDDEN}mean {name}"),
        value.std(ddof=1).alias(f"{HIDDEN}std {name}"),
        value.count().cast(pl.Int64).alias(f"{HIDDEN}n {name}"),
    ]


def _columns(name: str, parts: pl.DataFrame, count: str) -> list[tuple[str, pl.Expr]]:
    """The columns of one metric, by their suffix."""
    import polars as pl

    number = f"{HIDDEN}n {name}"
    counts = [one for one in parts[number].unique().to_list() if one is not None and one > 1]
    factors = [two_sided(one - 1, CONFIDENCE) / one**0.5 for one in counts]
    factor = pl.col(number).replace_strict(counts, factors, default=None, return_dtype=pl.Float64)
    std = pl.col(f"{HIDDEN}std {name}")
    found = [("avg", pl.col(f"{HIDDEN}mean {name}")), ("std", std), ("ci95", std * factor)]
    if not parts[number].equals(parts[count]):
        found.append(("n", pl.col(number)))
    return found

"""Means over axes: sample standard deviation, interval, and how many runs they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quadrat.results.columns import free
from quadrat.results.counting import not_counting
from quadrat.results.student import two_sided
from quadrat.results.table import HIDDEN, RUN, Unit

if TYPE_CHECKING:
    import polars as pl

CONFIDENCE = 0.95


def over(
    frame: pl.DataFrame,
    names: Sequence[str],
    metrics: Sequence[str],
    units: Mapping[str, Unit] | None = None,
    marks: Sequence[str] = (),
    loose: Sequence[str] = (),
) -> pl.DataFrame:
    """Average metrics over some columns: one row for each combination of all other labels and parameters.

    Each metric gives `<metric>_avg`; `<metric>_std`, the sample standard deviation (ddof = 1; null for one value); and
    `<metric>_ci95`, half the width of the 95 % interval of the mean by Student's t: t(n - 1) · std / √n, so that the
    interval is mean ± ci95. `n` is the number of runs of the group; where some of them lack a metric, or share the
    upstream run that it is a metric of, `<metric>_n` is the number of values behind it. Nan stays visible (its mean is
    nan), null (no value) is left out. Truth values count as 0 and 1; metrics that are texts are left out.

    A metric of an upstream that does not depend on `names` (the size of the data, when averaging over the seeds of a
    training) has nothing to be averaged: it is carried along as it is.

    Rows of which a mark is False are in no average and not in `n`: where there are any, `n_left_out` counts their runs.
    Marks have no average of their own.

    Args:
        frame: one row per run, with `run`, axes, metrics, and hidden columns (`@<task>`).
        names: the columns to average over.
        metrics: the columns that are metrics.
        units: for a metric of an upstream what its runs are: each counts once.
        marks: the metrics that say whether a row counts.
        loose: the columns that set no rows apart: carried along if every group agrees in them, else left out.

    Returns:
        Axes, metrics that are carried along, then the columns of each averaged metric, then `n` (and `n_left_out`);
        groups in the order of their first rows.
    """
    import polars as pl

    units = units or {}
    carried = [name for name in metrics if name in units and not set(names) & units[name].axes]
    axes = [name for name in frame.columns if name not in {RUN, *names, *metrics} and not name.startswith(HIDDEN)]
    keys = _keys(frame, axes, loose)
    numeric = [name for name in metrics if name not in (*carried, *marks) and is_number(frame.schema[name])]
    count = free("n", [*keys, *carried])
    lost = free("n_left_out", [*keys, *carried, count])
    away = pl.col(f"{HIDDEN}away")
    frame = frame.with_columns(not_counting(marks).alias(f"{HIDDEN}away"))
    parts = _grouped(frame, keys, [pl.col(carried).first(), _runs(~away, count), _runs(away, lost)])
    column_of = {name: units[name].column if name in units else RUN for name in numeric}
    for unit in dict.fromkeys(column_of.values()):
        own = [name for name in numeric if column_of[name] == unit]
        distinct = frame.filter(~away).unique([*keys, unit], keep="first", maintain_order=True)
        wanted = [one for name in own for one in _statistics(name)]
        if keys:
            part = _grouped(distinct, keys, wanted)
            parts = parts.join(part, on=keys, how="left", nulls_equal=True, maintain_order="left")
            parts = parts.with_columns(pl.col(f"{HIDDEN}n {name}").fill_null(0) for name in own)
        else:
            parts = parts.hstack(distinct.select(wanted).head(len(parts)))
    return _select(parts, [*keys, *carried], numeric, count, lost)


def _select(parts: pl.DataFrame, first: Sequence[str], numeric: Sequence[str], count: str, lost: str) -> pl.DataFrame:
    """The columns in their order, under names of their own."""
    import polars as pl

    shown = {name: pl.col(name) for name in first}
    for name in numeric:
        for suffix, column in _columns(name, parts, count):
            label = free(f"{name}_{suffix}", {*shown, count, lost})
            shown[label] = column.alias(label)
    return parts.select(*shown.values(), count, *([lost] if parts[lost].sum() else []))


def is_number(kind: pl.DataType) -> bool:
    """Whether a mean can be taken of such a column: numbers, truth values, nothing at all."""
    import polars as pl

    return kind.is_numeric() or kind in {pl.Boolean(), pl.Null()}


def _keys(frame: pl.DataFrame, axes: Sequence[str], loose: Sequence[str]) -> list[str]:
    """The axes that set rows apart, and those of `loose` that agree in each group of rows."""
    import polars as pl

    apart = [name for name in axes if name not in loose]
    counts = _grouped(frame, apart, [pl.col(name).n_unique() for name in axes if name in loose])
    return [name for name in axes if name in apart or (counts[name].max() or 0) <= 1]  # type: ignore[operator]


def _runs(which: pl.Expr, name: str) -> pl.Expr:
    """How many runs of a group are such."""
    import polars as pl

    return pl.col(RUN).filter(which).n_unique().cast(pl.Int64).alias(name)


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

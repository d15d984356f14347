"""Measures and means of the table of an experiment, with their errors.

A condition is what tests differ in but for the seed: model, category, parameter and so on. Means are over seeds of the
means over samples where a table has several seeds, so that an interval is one of trainings; else they are over samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quadrat import BadInput, suggest

from .measures import Floats, find_measure

Error = Literal["ci95", "sem", "std"]
FEW = 3
"""Seeds of which an interval of confidence can be told: of two, it is 13 standard errors wide."""

CONDITION = (
    *("experiment", "model_name", "status", "epoch", "dt"),
    *("parameter", "parameter_value", "category", "category_value"),
)
"""Columns that together say what the condition of a row is."""

# 97.5 % quantiles of Student's t for 1 … 30 degrees of freedom; above, an expansion around the normal one is exact to
# 2e-8 (Abramowitz & Stegun 1964, 26.7.5).
_T = (
    *(12.7062047364, 4.3026527297, 3.1824463053, 2.7764451052, 2.5705818356, 2.4469118511, 2.3646242516),
    *(2.3060041352, 2.2621571628, 2.2281388520, 2.2009851601, 2.1788128297, 2.1603686565, 2.1447866879),
    *(2.1314495456, 2.1199052992, 2.1098155778, 2.1009220402, 2.0930240544, 2.0859634473, 2.0796138447),
    *(2.0738730679, 2.0686576104, 2.0638985616, 2.0595385528, 2.0555294386, 2.0518305165, 2.0484071418),
    *(2.0452296421, 2.0422724563),
)
_Z = 1.959963984540054


def student_t(freedom: int) -> float:
    """The t between whose negative and itself 95 % of Student's distribution lie; NaN below one degree of freedom."""
    if freedom < 1:
        return math.nan
    if freedom <= len(_T):
        return _T[freedom - 1]
    terms = (
        _Z,
        (_Z**3 + _Z) / 4,
        (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96,
        (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384,
        (79 * _Z**9 + 776 * _Z**7 + 1482 * _Z**5 - 1920 * _Z**3 - 945 * _Z) / 92160,
    )
    return math.fsum(term / float(freedom) ** power for power, term in enumerate(terms))


def half_width(std: float | None, number: int, error: Error = "ci95") -> float:
    """Half of the interval around a mean of so many values with this standard deviation; NaN of a single one."""
    if std is None or number < 2:
        return math.nan
    return {"std": std, "sem": std / math.sqrt(number), "ci95": student_t(number - 1) * std / math.sqrt(number)}[error]


@dataclass(frozen=True, eq=False)
class Traces:
    """A column of a table as traces in time.

    Attributes:
        groups: a row for each trace: its condition, seed and sample_index.
        values: (N, T); NaN where there is no value. A trace that somewhere is infinite or no number, as when a
            network has diverged, is NaN altogether.
        dt: (N,) the time step, ms.
    """

    groups: pl.DataFrame
    values: Floats
    dt: Floats


def traces(table: pl.DataFrame, column: str) -> Traces:
    """The traces of a column of the table of an experiment, without the samples that have no value in it.

    Raises:
        BadInput: for a column that does not exist, or a sample that has a step twice in one condition.
    """
    require_column(table, column)
    keys = [name for name in (*CONDITION, "seed") if name in table.columns]
    steps = int(table["times_index"].max() or 0) + 1  # type: ignore[arg-type]
    rows = table.drop_nulls(column).select(
        *keys, "sample_index", "times_index", pl.col(column).cast(pl.Float64).alias("value")
    )
    # Sorted and grouped by one number each: with as many columns as keys it takes several times as long.
    if keys:
        conditions = rows.select(keys).unique(maintain_order=True).with_row_index("condition")
        rows = rows.join(conditions, on=keys, nulls_equal=True, maintain_order="left")
    else:
        rows = rows.with_columns(condition=0)
    rows = rows.sort("condition", "sample_index", "times_index", maintain_order=True)
    is_same = (pl.col("condition", "sample_index", "times_index").diff() == 0).fill_null(value=False)
    if rows.select(pl.all_horizontal(is_same).any()).item():
        raise BadInput(
            "a sample has a step twice in one condition", hint="the table lacks a column that tells the tests apart"
        )
    numbers = rows.select((pl.struct("condition", "sample_index").rle_id()).alias("trace"))["trace"].to_numpy()
    first = np.flatnonzero(np.diff(numbers, prepend=-1))
    groups = rows[first].select(*keys, "sample_index")
    values = np.full((len(groups), steps), np.nan)
    values[numbers, rows["times_index"].to_numpy()] = rows["value"].to_numpy()
    values[np.unique(numbers[~rows["value"].is_finite().to_numpy()])] = np.nan
    dt = groups["dt"].to_numpy() if "dt" in keys else np.ones(len(groups))
    return Traces(groups, values, dt)


def measured(traces: Traces, measure: str) -> pl.DataFrame:
    """A measure of each trace: its groups and `value`, null where a trace has none.

    A relative measure is divided by its maximum over the values of the parameter, for each category, seed and sample.

    Raises:
        BadInput: for a measure that does not exist.
    """
    one = find_measure(measure)
    values = one.function(traces.values, traces.dt)
    table = traces.groups.with_columns(pl.Series("value", values).fill_nan(None))
    if not one.is_relative:
        return table
    others = [name for name in traces.groups.columns if name not in ("parameter_value", "status", "epoch")]
    largest = pl.col("value").max().over(others)
    return table.with_columns(pl.when(largest > 0).then(pl.col("value") / largest).alias("value"))


def spread_over(table: pl.DataFrame) -> Literal["seeds", "samples"]:
    """What errors of means are over: seeds where there are several, else samples."""
    return "seeds" if "seed" in table.columns and table["seed"].n_unique() > 1 else "samples"


def summarise(table: pl.DataFrame, value: str, by: Sequence[str], error: Error = "ci95") -> pl.DataFrame:
    """Means of a column with their errors, a row for each combination of the columns `by`, sorted by them.

    Args:
        table: with a row for each sample.
        value: the column; what is null is left out.
        by: columns that tell the rows of the result apart.
        error: half of the interval: "ci95" of Student's t, "sem" the standard error, "std" the standard deviation. In
            place of "ci95" of fewer than `FEW` seeds, which says nothing, low and high are their range.

    Returns:
        `by`, mean, low, high (null of a single value), number (of seeds or samples, as `spread_over` says).

    Raises:
        BadInput: for tests of several conditions in one mean.
    """
    require_column(table, value)
    require_told_apart(table, by)
    rows = table.select(*by, *(["seed"] if "seed" in table.columns else []), pl.col(value).cast(pl.Float64))
    rows = rows.drop_nulls(value)
    if spread_over(table) == "seeds":
        rows = rows.group_by(*by, "seed").agg(pl.col(value).mean())
        if error == "ci95" and rows["seed"].n_unique() < FEW:
            low, high = (getattr(pl.col(value), name)().alias(side) for name, side in (("min", "low"), ("max", "high")))
            return (
                rows.group_by(by).agg(pl.col(value).mean().alias("mean"), low, high, pl.len().alias("number")).sort(by)
            )
    means = rows.group_by(by).agg(
        pl.col(value).mean().alias("mean"), pl.col(value).std().alias("std"), pl.len().alias("number")
    )
    return _with_interval(means.sort(by), by, error)


def _with_interval(means: pl.DataFrame, by: Sequence[str], error: Error) -> pl.DataFrame:
    halves = [half_width(std, number, error) for std, number in means.select("std", "number").iter_rows()]
    half = pl.Series(halves, dtype=pl.Float64).fill_nan(None)
    return means.select(
        *by, "mean", (pl.col("mean") - half).alias("low"), (pl.col("mean") + half).alias("high"), "number"
    )


def time_course(table: pl.DataFrame, column: str, by: Sequence[str], error: Error = "ci95") -> pl.DataFrame:
    """Means of a column over time: as `summarise`, for each times_index, with time (ms; steps without `dt`)."""
    step = [name for name in ("dt",) if name in table.columns]
    course = summarise(table, column, [*by, *step, "times_index"], error)
    dt = pl.col("dt") if step else pl.lit(1.0)
    return course.with_columns((pl.col("times_index") * dt).alias("time"))


def performance(
    table: pl.DataFrame, column: str, by: Sequence[str], error: Error = "ci95"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The largest mean over samples at any step, such as that of accuracy, and the time at which it is first reached.

    Both are taken for each seed, and then averaged over seeds. Of a single seed the error of the largest mean is that
    over samples at that step, and its time has none.

    Returns:
        Heights and times (ms), each with the columns that `summarise` gives.

    Raises:
        BadInput: for tests of several conditions in one mean.
    """
    require_column(table, column)
    require_told_apart(table, by)
    own = [name for name in ("seed", "dt") if name in table.columns and name not in by]
    step = [*by, *own, "times_index"]
    rows = table.select(*step, pl.col(column).cast(pl.Float64)).drop_nulls(column)
    means = rows.group_by(step).agg(
        pl.col(column).mean().alias("mean"), pl.col(column).std().alias("std"), pl.len().alias("number")
    )
    dt = pl.col("dt") if "dt" in means.columns else pl.lit(1.0)
    best = means.sort([*by, *own, "mean", "times_index"], descending=[False] * (len(by) + len(own)) + [True, False])
    best = (
        best.group_by([*by, *own], maintain_order=True).first().with_columns((pl.col("times_index") * dt).alias("time"))
    )
    times = summarise(best, "time", by, error)
    if spread_over(table) == "seeds":
        return summarise(best, "mean", by, error), times
    alone = times.with_columns(
        pl.lit(None, dtype=pl.Float64).alias("low"), pl.lit(None, dtype=pl.Float64).alias("high")
    )
    return _with_interval(best.sort(by), by, error), alone


def confusion(table: pl.DataFrame, step: int | None = None) -> tuple[NDArray[np.int64], list[int], int]:
    """How often images of each class are taken for each other class at one step.

    Args:
        table: of a test, or of several that are counted together.
        step: the step; without it that of the largest accuracy, the first of equal ones.

    Returns:
        Counts (class, guess), the indices of the classes: all that are there or are guessed, and the step.

    Raises:
        BadInput: where there is no sample with a class, or no such step.
    """
    rows = table.filter(pl.col("first_label_index") >= 0)
    right = rows.group_by("times_index").agg(
        (pl.col("guess_index") == pl.col("first_label_index")).mean().alias("right")
    )
    if right.is_empty():
        raise BadInput("there is no sample with a class")
    if step is None:
        step = int(right.sort("right", "times_index", descending=[True, False])["times_index"][0])
    rows = rows.filter(pl.col("times_index") == step)
    if rows.is_empty():
        raise BadInput(f"the test has no step {step}")
    label, guess = rows["first_label_index"].to_numpy(), rows["guess_index"].to_numpy()
    classes = np.unique(np.concatenate([label, guess]))
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (np.searchsorted(classes, label), np.searchsorted(classes, guess)), 1)
    return counts, [int(one) for one in classes], step


def require_told_apart(table: pl.DataFrame, by: Sequence[str]) -> None:
    """Whether the columns `by` tell all conditions of a table apart.

    Raises:
        BadInput: where a mean would be of several conditions, with the column in which they differ.
    """
    conditions = table.select(name for name in CONDITION if name in table.columns).unique(maintain_order=True)
    given = [name for name in by if name in conditions.columns]
    for name in conditions.columns:
        if name in given:
            continue
        several = conditions.select(pl.lit(0), *given, name).unique()
        if len(several) > several.drop(name).n_unique():
            values = ", ".join(str(one) for one in conditions[name].unique(maintain_order=True).head(4))
            raise BadInput(
                f"the tests differ in '{name}' ({values}), which would be averaged over",
                hint=f"choose one value of '{name}'",
            )


def require_column(table: pl.DataFrame, column: str) -> None:
    """Whether a table has a column.

    Raises:
        BadInput: where it has not.
    """
    if column not in table.columns:
        raise BadInput(f"the table has no column '{column}'", hint=suggest(column, table.columns))

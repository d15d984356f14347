"""Differences to a baseline, paired: runs that agree in everything but one parameter are compared with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quadrat.core.errors import BadInput, unknown
from quadrat.results.aggregate import CONFIDENCE, is_number
from quadrat.results.counting import not_counting
from quadrat.results.curves import axis_label, seeds_of
from quadrat.results.human import exact
from quadrat.results.student import two_sided
from quadrat.results.table import RUN, Table

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Paired:
    """What a comparison shows.

    Attributes:
        effects: a row for each x and hue: `x`, `hue`, `mean` of the differences x - baseline, `ci95` (half width of
            Student's t interval; null for one pair), `n` pairs.
        single: a row for each pair: `x`, `hue`, `difference`.
        baseline: the value of x that all are compared with.
        unpaired: runs that have no partner at the baseline.
        x, y, hue: the columns' names, `hue` empty where there is one series only.
        over: the names that pairs agree in, and that were averaged over.
        labels: what to write at the axes, by column.
    """

    effects: pl.DataFrame
    single: pl.DataFrame
    baseline: Any
    unpaired: int
    x: str
    y: str
    hue: str
    over: tuple[str, ...]
    labels: dict[str, str]


def paired(
    table: Table,
    x: str,
    y: str,
    baseline: str | None = None,
    hue: str | None = None,
    over_names: Sequence[str] | None = None,
    *,
    include_invalid: bool = False,
) -> Paired:
    """Compare a metric at each value of a parameter with that at its baseline.

    Pairs are runs with the same hue and the same values of everything that is averaged over; of several runs at one
    place the mean is taken first. The interval is that of a paired t test.

    Args:
        table: the runs.
        x: the parameter that is compared.
        y: a metric.
        baseline: its value, as text; the first one where it is not said.
        hue: a parameter or label: one series for each of its values.
        over_names: parameters to average over; every `seed` where it is not said.
        include_invalid: compare runs too of which a metric (`qd.valid()`) says that they do not count.

    Raises:
        BadInput: for a name or a baseline that does not exist, a metric that is no number, nothing to compare, or a
            parameter that varies otherwise.
    """
    import polars as pl

    x, y = table.column(x, table.axes, where="-x"), table.column(y, table.metrics, where="-y")
    hue = table.column(hue, table.axes, where="--hue") if hue else ""
    if not is_number(table.rows.schema[y]):
        raise BadInput(f"'{y}' has no numbers to compare", where="-y", hint=f"metrics: {', '.join(table.metrics)}")
    marks = () if include_invalid else [name for name in table.marks if name != y]
    rows = table.rows.filter(pl.col(y).is_not_null() & ~not_counting(marks)).unique([RUN], maintain_order=True)
    shown = [name for name in (x, hue) if name]
    away = seeds_of(table, shown, over_names)
    _check(table, rows, [*shown, *away], away)
    place = rows.group_by([*shown, *away], maintain_order=True).agg(pl.col(y).cast(pl.Float64).mean().alias("y"))
    base = _value(place[x], x, baseline)
    at = pl.col(x).eq_missing(pl.lit(base))
    keys = [name for name in (hue, *away) if name]
    partners = place.filter(at).select(*keys, pl.col("y").alias("base"))
    others = place.filter(~at)
    joined = (
        others.join(partners, on=keys, nulls_equal=True, maintain_order="left")
        if keys
        else others.join(partners, how="cross")
    )
    single = joined.select(
        pl.col(x).alias("x"),
        (pl.col(hue) if hue else pl.lit("")).alias("hue"),
        (pl.col("y") - pl.col("base")).alias("difference"),
    )
    if not len(single):
        raise BadInput(f"no run of '{table.task}' has a partner with {x}={exact(base)}", where="--baseline")
    labels = {name: axis_label(name, table.texts.get(name, "")) for name in (*shown, y)}
    varying = tuple(name for name in away if rows[name].n_unique() > 1)
    return Paired(_effects(single), single, base, len(others) - len(joined), x, y, hue, varying, labels)


def _effects(single: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    difference = pl.col("difference")
    found = single.group_by("x", "hue", maintain_order=True).agg(
        difference.mean().alias("mean"), difference.std(ddof=1).alias("std"), pl.len().cast(pl.Int64).alias("n")
    )
    counts = [one for one in found["n"].unique().to_list() if one > 1]
    factors = [two_sided(one - 1, CONFIDENCE) / one**0.5 for one in counts]
    factor = pl.col("n").replace_strict(counts, factors, default=None, return_dtype=pl.Float64)
    return found.with_columns((pl.col("std") * factor).alias("ci95")).drop("std").sort("x", "hue", nulls_last=True)


def _value(column: pl.Series, name: str, text: str | None) -> Any:
    """The value of a column that a text stands for."""
    values = column.unique().sort(nulls_last=True).to_list()
    if text is None:
        return values[0]
    for value in values:
        if text in (exact(value), str(value), "null" if value is None else ""):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and _is(text, value):
            return value
    raise unknown(f"value of {name}", text, [exact(value) for value in values], where="--baseline")


def _is(text: str, value: float) -> bool:
    try:
        return float(text) == value
    except ValueError:
        return False


def _check(table: Table, rows: pl.DataFrame, known: Sequence[str], away: Sequence[str]) -> None:
    """No parameter may vary unless runs are paired by it."""
    rest = [name for name in table.axes if name not in (*known, *table.loose) and rows[name].n_unique() > 1]
    if rest:
        value = exact(rows[rest[0]].drop_nulls()[0])
        raise BadInput(
            f"{', '.join(rest)} {'varies' if len(rest) == 1 else 'vary'} too",
            hint=f"choose with --where {rest[0]}={value}, or pair by it with --over {','.join([*away, *rest])}",
        )

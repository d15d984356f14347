"""Configurations by a metric: what varies, the mean over seeds, its interval, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quadrat.core.errors import BadInput
from quadrat.results.aggregate import is_number, over
from quadrat.results.columns import free
from quadrat.results.counting import OPTION
from quadrat.results.curves import axis_label, seeds_of
from quadrat.results.table import RUN, Table
from quadrat.results.telling import apart, texts

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Ranking:
    """Configurations in order.

    Attributes:
        rows: a row for each: the parameters that vary, `@mean`, `@ci95` (half width; null for one run), `@n`, and
            `@name`, as many of the parameters as it takes to know it by; best first.
        axes: the parameters that vary.
        y: the metric.
        lowest: whether small is good.
        over: the names that were averaged over.
        labels: what to write at axes, by column.
    """

    rows: pl.DataFrame
    axes: tuple[str, ...]
    y: str
    lowest: bool
    over: tuple[str, ...]
    labels: dict[str, str]


def ranking(
    table: Table,
    y: str,
    over_names: Sequence[str] | None = None,
    *,
    lowest: bool = False,
    include_invalid: bool = False,
) -> Ranking:
    """Order the configurations of a table by the mean of a metric.

    Args:
        table: the runs.
        y: a metric.
        over_names: parameters to average over; every `seed` where it is not said.
        lowest: small is good.
        include_invalid: average runs too of which a metric (`qd.valid()`) says that they do not count.

    Raises:
        BadInput: for a name that does not exist, a metric that is no number, or no run that counts.
    """
    import polars as pl

    y = table.column(y, table.metrics, where="-y")
    if not is_number(table.rows.schema[y]):
        raise BadInput(f"'{y}' has no numbers to order by", where="-y", hint=f"metrics: {', '.join(table.metrics)}")
    away = seeds_of(table, (), over_names)
    marks = () if include_invalid else [name for name in table.marks if name != y]
    rows = table.rows.filter(pl.col(y).is_not_null())
    varying = table.with_rows(rows).varying(*away)
    chosen = rows.select(RUN, *varying, *away, pl.col(y).alias("@y"), *marks)
    names = {"@y_avg": "@mean", "@y_ci95": "@ci95", free("n", varying): "@n"}
    means = over(chosen, away, ["@y", *marks], marks=marks).rename(names)
    means = means.filter(pl.col("@mean").is_not_null() & pl.col("@mean").is_not_nan())
    if not len(means):
        raise BadInput(f"no run of '{table.task}' with '{y}' counts", hint=f"{OPTION} averages them all the same")
    means = means.select(*varying, "@mean", "@ci95", "@n").sort("@mean", descending=not lowest, maintain_order=True)
    named = [text or table.task for text in texts(means, apart(means, varying))]
    labels = {name: axis_label(name, table.texts.get(name, "")) for name in (*varying, y)}
    kept = tuple(name for name in away if rows[name].n_unique() > 1)
    return Ranking(
        means.with_columns(pl.Series("@name", named)),
        tuple(varying),
        y,
        lowest,
        kept,
        labels,
    )

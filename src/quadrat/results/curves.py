"""What a figure of a metric against a parameter shows: means, intervals, single runs, labels. No drawing."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quadrat.core.errors import BadInput
from quadrat.results.aggregate import is_number, over
from quadrat.results.counting import OPTION, not_counting
from quadrat.results.human import exact
from quadrat.results.table import HIDDEN, RUN, Table

if TYPE_CHECKING:
    import polars as pl

_UNIT = f"{HIDDEN}unit"
_LABEL_WIDTH = 46


@dataclass(frozen=True)
class Curves:
    """What a figure shows.

    Attributes:
        points: a row for each x and hue: `x`, `hue`, `mean` (null where no run counts), `ci95` (half width; null for
            one run), `n`.
        single: a row for each run that counts: `x`, `hue`, `y`.
        left_out: the same for runs that do not count.
        x, y, hue: the columns' names, `hue` empty where there is one series only.
        over: the names that were averaged over.
        labels: what to write at the axes, by column.
    """

    points: pl.DataFrame
    single: pl.DataFrame
    left_out: pl.DataFrame
    x: str
    y: str
    hue: str
    over: tuple[str, ...]
    labels: dict[str, str]


def curves(
    table: Table,
    x: str,
    y: str,
    hue: str | None = None,
    over_names: Sequence[str] | None = None,
    *,
    include_invalid: bool = False,
) -> Curves:
    """Average a metric over everything but x and hue.

    Args:
        table: the runs.
        x: a parameter or label.
        y: a metric.
        hue: a parameter or label, or None.
        over_names: parameters to average over; every `seed` where it is not said.
        include_invalid: average runs too of which a metric (`qd.valid()`) says that they do not count.

    Raises:
        BadInput: for a name that does not exist, a metric that is no number, no run that counts, or a parameter that
            varies within a point without being averaged over.
    """
    import polars as pl

    made = table.rows
    x, hue = table.column(x, table.axes, where="-x"), table.column(hue, table.axes, where="--hue") if hue else ""
    y = table.column(y, where="-y")
    if not is_number(made.schema[y]) or made[y].dtype == pl.Null:
        raise BadInput(f"'{y}' has no numbers to plot", where="-y", hint=f"metrics: {', '.join(table.metrics)}")
    made = made.filter(pl.col(y).is_not_null())
    if not len(made):
        raise BadInput(f"no finished run of '{table.task}' has '{y}'", hint=f"run them: quadrat run {table.study}")
    shown = [name for name in (x, hue) if name]
    away = seeds_of(table, shown, over_names)
    _check_others(table, made, shown, away)
    unit = table.units[y].column if y in table.units else RUN
    marks = () if include_invalid else [name for name in table.marks if name != y]  # of y itself all values are meant
    every = _runs(made, x, hue, y, unit, marks)
    single, left_out = (every.filter(one).select("x", "hue", "y") for one in (pl.col("counts"), ~pl.col("counts")))
    if not len(single):
        raise BadInput(f"no run of '{table.task}' with '{y}' counts", hint=f"{OPTION} averages them all the same")
    points = over(every, [], ["y", "counts"], marks=["counts"]).rename({"y_avg": "mean", "y_ci95": "ci95"})
    points = points.sort("x", "hue", nulls_last=True)
    labels = {name: axis_label(name, table.texts.get(name, "")) for name in (*shown, y)}
    varying = tuple(name for name in away if made[name].n_unique() > 1)
    return Curves(points, single, left_out, x, y, hue, varying, labels)


def seeds_of(table: Table, shown: Sequence[str], over_names: Sequence[str] | None = None) -> list[str]:
    """The columns to average over: those that are named, else every `seed` that is not shown.

    Raises:
        BadInput: for a name that does not exist.
    """
    if over_names is None:
        return [name for name in table.axes if name.rpartition(".")[2] == "seed" and name not in shown]
    return [one for name in over_names for one in table.columns(name, table.axes, where=f"--over {name}")]


def _runs(made: pl.DataFrame, x: str, hue: str, y: str, unit: str, marks: Sequence[str]) -> pl.DataFrame:
    """Each run at its place, once, and whether it counts; one of an upstream does where any row on it does."""
    import polars as pl

    every = made.select(
        pl.col(x).alias("x"),
        (pl.col(hue) if hue else pl.lit("")).alias("hue"),
        pl.col(y).cast(pl.Float64).alias("y"),
        (~not_counting(marks)).alias("counts"),
        pl.col(RUN),
        pl.col(unit).alias(_UNIT),
    ).sort("counts", descending=True, maintain_order=True)
    return every.unique(["x", "hue", _UNIT], keep="first", maintain_order=True)


def _check_others(table: Table, made: pl.DataFrame, shown: Sequence[str], away: Sequence[str]) -> None:
    """No parameter may vary inside a point unless it is averaged over."""
    import polars as pl

    rest = [name for name in table.axes if name not in (*shown, *away, *table.loose)]
    counts = made.group_by(shown).agg(pl.col(name).n_unique() for name in rest)
    varying = [name for name in rest if (counts[name].max() or 0) > 1]  # type: ignore[operator]
    if not varying:
        return
    first = varying[0]
    value = exact(made[first].drop_nulls()[0])
    other = "" if len(shown) > 1 else f"--hue {first}, "
    raise BadInput(
        f"at one point of the figure {', '.join(varying)} {'varies' if len(varying) == 1 else 'vary'} too",
        hint=f"choose with {other}--where {first}={value}, or average with --over {','.join([*away, *varying])}",
    )


def axis_label(name: str, text: str) -> str:
    """What to write at an axis: the first sentence of the description and the name, in lines that fit."""
    first = text.strip().partition(". ")[0].partition("\n\n")[0].replace("\n", " ").rstrip(".").strip()
    label = name if not first or first.casefold() == name.casefold() else f"{first[0].upper()}{first[1:]} ({name})"
    return "\n".join(textwrap.wrap(label, _LABEL_WIDTH, break_long_words=False))

"""Which runs count: those of which no metric that is marked `qd.valid()` is False."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quadrat.results.table import RUN, Table

if TYPE_CHECKING:
    import polars as pl

OPTION = "--include-invalid"


def not_counting(marks: Sequence[str]) -> pl.Expr:
    """Whether a row is left out of averages. A mark that is not there (of an upstream that a row lacks) says nothing.

    Args:
        marks: the columns that say whether a run counts.
    """
    import polars as pl

    if not marks:
        return pl.lit(value=False)
    return pl.any_horizontal((~pl.col(name)).fill_null(value=False) for name in marks)


def left_out_note(table: Table) -> str | None:
    """One line on the runs that averages of a table leave out; None where there are none."""
    import polars as pl

    parts = []
    for name in table.marks:
        unit = table.units[name].column if name in table.units else RUN
        runs = table.rows.filter(pl.col(name).is_not_null())
        bad = runs.filter(~pl.col(name))[unit].n_unique()
        if bad:
            task, _, metric = table.full[name].rpartition(".")
            verb = "is" if bad == 1 else "are"
            parts.append(f"{bad:,} of {runs[unit].n_unique():,} runs of '{task}' {verb} not '{metric}'")
    if not parts:
        return None
    them = "it" if parts[0].startswith("1 ") and len(parts) == 1 else "them"
    return f"{' and '.join(parts)}: left out of the averages; {OPTION} averages {them} too"

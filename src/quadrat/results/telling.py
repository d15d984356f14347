"""What sets rows of a table apart, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quadrat.results.human import exact, short

if TYPE_CHECKING:
    import polars as pl


def apart(rows: pl.DataFrame, *groups: Sequence[str]) -> list[str]:
    """As few columns as tell rows apart as well as all of them do; those that follow from others are not among them.

    Args:
        rows: the rows.
        groups: columns; those of a later group are taken only where those before do not do.

    Returns:
        The columns in their order in the groups.
    """
    chosen: list[str] = []
    count, goal = min(1, len(rows)), len(rows.select(name for names in groups for name in names).unique())
    for names in groups:
        rest = list(names)
        while rest and count < goal:
            counts = {name: len(rows.select(*chosen, name).unique()) for name in rest}
            best = max(rest, key=counts.__getitem__)
            if counts[best] <= count:
                break
            count = counts[best]
            chosen.append(best)
            rest.remove(best)
    return [name for names in groups for name in names if name in chosen]


def texts(rows: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """Each row by some columns: `lr=0.1, seed=2`; what it lacks is not told."""
    return [
        ", ".join(
            f"{name}={short(exact(value))}" for name, value in zip(names, values, strict=True) if value is not None
        )
        for values in (rows.select(names).iter_rows() if names else [()] * len(rows))
    ]

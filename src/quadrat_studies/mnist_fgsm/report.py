"""Averages over seeds, and the table file of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from quadrat import BadInput

Row: TypeAlias = Mapping[str, Any]

FILENAME = "output_avg_std_of_seed_txt_filename.txt"
INPUTS = ("num_epochs", "batch_size", "hidden_size", "learning_rate", "dropout_prob", "fgsm_epsilon")
OPTIONAL_INPUTS = ("dataset", "attack_domain")
"""Inputs beyond the six: always averaged apart, and shown where the table's rows differ in them."""
METRICS = ("test_acc", "test_loss", "val_acc", "val_loss", "fgsm_acc")
_DECIMALS = 6


class Frame(Protocol):
    """What is used of a polars data frame."""

    def iter_rows(self, *, named: bool) -> Iterable[Row]:
        """The rows as mappings, for named=True."""
        ...


def rows_of(table: Frame | Iterable[Row]) -> list[Row]:
    """The rows of a polars data frame, or of any iterable of mappings."""
    found: Iterable[Row] = table if isinstance(table, Iterable) else ()
    if hasattr(table, "iter_rows"):
        found = table.iter_rows(named=True)
    return list(found)


def seed_averages(runs: Frame | Iterable[Row]) -> list[dict[str, Any]]:
    """One row for each combination of everything but the seed, sorted by it.

    `runs` have the six `INPUTS`, perhaps `OPTIONAL_INPUTS`, `seed`, and the five `METRICS`. A row of the result has
    the inputs, `seeds` (how many), and for each metric its mean `<metric>_avg` and sample standard deviation
    `<metric>_std` (divisor n - 1), which is None for one seed. Groups may have different numbers of seeds.

    Raises:
        BadInput: a row lacks a column, or a seed occurs twice in a group.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows_of(runs):
        if missing := [name for name in (*INPUTS, "seed", *METRICS) if name not in row]:
            raise BadInput(f"a row to be averaged over seeds has no {', '.join(missing)}")
        group = groups.setdefault(tuple(row.get(name) for name in (*INPUTS, *OPTIONAL_INPUTS)), [])
        if row["seed"] in (other["seed"] for other in group):
            raise BadInput(f"seed {row['seed']} occurs twice for one combination of inputs")
        group.append(row)
    return sorted((_average(group) for group in groups.values()), key=_position)


def _average(group: Sequence[Row]) -> dict[str, Any]:
    average: dict[str, Any] = {n: group[0][n] for n in (*INPUTS, *OPTIONAL_INPUTS) if n in group[0]}
    average["seeds"] = len(group)
    for metric in METRICS:
        values = [float(row[metric]) for row in group]
        average[f"{metric}_avg"] = math.fsum(values) / len(values)
        finite = all(map(math.isfinite, values))  # statistics.stdev fails on nan, which a diverged training may give
        average[f"{metric}_std"] = (statistics.stdev(values) if finite else math.nan) if len(values) > 1 else None
    return average


def _position(row: Row) -> tuple[Any, ...]:
    return tuple(str(row.get(name, "")) for name in OPTIONAL_INPUTS) + tuple(row[name] for name in INPUTS)


def table_text(averages: Frame | Iterable[Row]) -> str:
    """The table of `seed_averages`, one line a row, comma-separated and padded on the left so that columns line up.

    Commas keep an empty standard deviation (one seed) a cell of its own; read it by
    `pandas.read_csv(path, skipinitialspace=True)`, where it becomes NaN. Metrics have six decimals.
    """
    rows = rows_of(averages)
    extra = [name for name in OPTIONAL_INPUTS if len({row.get(name) for row in rows}) > 1]
    columns = [*INPUTS, *extra, "seeds", *(f"{metric}_{kind}" for metric in METRICS for kind in ("avg", "std"))]
    cells = [columns, *([_cell(name, row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "".join(", ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) + "\n" for line in cells)


def write_table(averages: Frame | Iterable[Row], folder: Path) -> Path:
    """Write `table_text` to `folder`/output_avg_std_of_seed_txt_filename.txt; returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILENAME
    path.write_text(table_text(averages), encoding="utf-8")
    return path


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    measured = column.endswith(("_avg", "_std"))
    return f"{value:.{_DECIMALS}f}" if measured else str(value)

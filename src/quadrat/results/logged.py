"""What runs logged while they went on: points of named values against steps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from quadrat.core.errors import BadInput, unknown
from quadrat.core.run import CURVE_FILE
from quadrat.results.columns import free
from quadrat.results.table import RUN, Table

if TYPE_CHECKING:
    import polars as pl

STEP = "step"

Points = dict[str, dict[int, float]]
"""For each name its values by step, in the order in which steps were first logged."""


def read(folder: Path) -> Points:
    """The points that the run in a folder has logged so far; none where it logs nothing.

    A last line that is not whole yet is left out. Of a step that was logged again the later values count.
    """
    try:
        text = Path(folder, CURVE_FILE).read_bytes()
    except FileNotFoundError:
        return {}
    found: Points = {}
    for line in text[: text.rfind(b"\n") + 1].splitlines():
        point = _parsed(line)
        step = point.pop(STEP)
        for name, value in point.items():
            found.setdefault(name, {})[step] = value
    return found


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:  # nan and infinities are no JSON
        parsed = json.loads(line)
    return parsed


def with_steps(table: Table, folders: Mapping[str, Path], names: Sequence[str] = ()) -> Table:
    """The table of a task with a row for each step that a run has logged, in place of one for each run.

    Args:
        table: of the task.
        folders: those of its runs.
        names: what was logged; everything where it is not said.

    Returns:
        `run`, labels, parameters, `step`, and a metric for each name (null at steps that lack it).

    Raises:
        BadInput: for a name that no run has logged.
    """
    import polars as pl

    axes = list(table.axes)
    step = free(STEP, [RUN, *axes, *table.marks])
    frames = []
    known: dict[str, None] = {}
    for run in table.rows[RUN].unique(maintain_order=True).to_list():
        points = read(folders[run])
        known |= dict.fromkeys(points)
        frames.append(_frame(run, step, points, names))
    metrics = list(names) or list(known)
    if not known:
        hint = "a task logs by run.log(step, loss=…)"
        raise BadInput(f"no run of '{table.task}' has logged anything", hint=hint)
    for name in names:
        if name not in known:
            raise unknown(f"curve of '{table.task}'", name, list(known))
    points_of = pl.concat(frames, how="diagonal_relaxed")
    shown = {name: free(name, [RUN, *axes, *table.marks, step]) for name in metrics}
    points_of = points_of.rename({name: label for name, label in shown.items() if name in points_of.columns})
    runs = table.rows.select(RUN, *axes, *table.marks).unique(maintain_order=True)
    kept = {*axes, *table.marks}
    texts = {label: table.texts[name] for name, label in shown.items() if name in table.texts}  # as the metric's
    return replace(
        table,
        rows=runs.join(points_of, on=RUN, maintain_order="left"),
        params=(*table.params, step),
        metrics=(*shown.values(), *table.marks),
        full={name: one for name, one in table.full.items() if name in kept},
        texts={name: text for name, text in table.texts.items() if name in kept} | texts,
        units={},
    )


def _frame(run: str, step: str, points: Points, names: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    chosen = {name: values for name, values in points.items() if not names or name in names}
    steps = sorted({one for values in chosen.values() for one in values})
    columns: dict[str, Any] = {
        RUN: pl.Series([run] * len(steps), dtype=pl.String),
        step: pl.Series(steps, dtype=pl.Int64),
    }
    columns |= {
        name: pl.Series([values.get(one) for one in steps], dtype=pl.Float64) for name, values in chosen.items()
    }
    return pl.DataFrame(columns)

"""The table of a task, page by page: sorted and filtered here, so that a page of a hundred thousand runs is small."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from quadrat.core.errors import BadInput
from quadrat.results.columns import free
from quadrat.results.human import plain
from quadrat.results.table import HIDDEN, RUN, Table
from quadrat.watching.state import STATES
from quadrat.watching.watch import Look, Watch

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS = 500
"""Rows of one page."""
_LONGEST = 200
"""Letters of a cell; the page of the run has them all."""
_STATE, _SECONDS, _STARTED = f"{HIDDEN}state", f"{HIDDEN}seconds", f"{HIDDEN}started"
_TIMES = (_SECONDS, _STARTED)
_OWN = {_STATE: "state", _SECONDS: "seconds", _STARTED: "started"}
_CONDITION = re.compile(r"\s*(<=|>=|!=|=|<|>)?\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """What of a table is wanted.

    Attributes:
        first, count: which rows, after filters and sorting.
        sort: columns with "asc" or "desc", the most important first.
        filters: columns with a condition: "0.1", "1,2,3", "<0.5", "!=a"; on texts, without a sign, a part of it.
        words: rows that have each of these words in some column.
    """

    first: int = 0
    count: int = 50
    sort: Sequence[tuple[str, str]] = ()
    filters: Sequence[tuple[str, str]] = ()
    words: str = ""


@dataclass(frozen=True)
class Page:
    """Some rows of a table.

    Attributes:
        columns: name, kind ("run", "state", "label", "param", "metric", "time"), whether it is of numbers, its meaning,
            and whether all rows have one value in it.
        rows: cells by the columns' names; numbers that JSON does not have as text.
        matching, total: how many rows pass the filters, and how many there are.
    """

    columns: list[dict[str, Any]]
    rows: list[dict[str, Any]] = field(default_factory=list)
    matching: int = 0
    total: int = 0

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"columns": self.columns, "rows": self.rows, "matching": self.matching, "total": self.total}


def page(watch: Watch, task: str, asked: Asked) -> Page:
    """A page of the table of a task: finished runs, and those that are not yet.

    Raises:
        BadInput: for a task or a column that does not exist, or a condition that cannot be read.
    """
    import polars as pl

    made, rows = watch.frame(task, _frame)
    names = [RUN, _STATE, *made.axes, *made.metrics, *_TIMES]
    columns = _columns(made, names)
    known = {one["name"]: hidden for one, hidden in zip(columns, names, strict=True)}
    total = len(rows)
    for name, text in asked.filters:
        column = _known(made, known, name)
        rows = rows.filter(condition(column, rows.schema[column], text))
    for word in asked.words.lower().split():
        texts = [pl.col(hidden).cast(pl.String).str.to_lowercase() for hidden in names if hidden not in _TIMES]
        rows = rows.filter(pl.any_horizontal(one.str.contains(word, literal=True) for one in texts))
    if asked.sort:
        order = [_known(made, known, name) for name, _ in asked.sort]
        down = [how == "desc" for _, how in asked.sort]
        rows = rows.sort(order, descending=down, nulls_last=True, maintain_order=True)
    kept = rows.slice(max(0, asked.first), min(max(1, asked.count), MOST_ROWS))
    values = {one["name"]: _cells(kept[hidden].to_list()) for one, hidden in zip(columns, names, strict=True)}
    listed = [dict(zip(values, cells, strict=True)) for cells in zip(*values.values(), strict=True)]
    return Page(columns, listed, len(rows), total)


def condition(column: str, dtype: pl.DataType, text: str) -> pl.Expr:
    """A condition on a column: a sign and a value, or several values with commas between.

    Args:
        column: the column.
        dtype: of what it is.
        text: "0.1", "1,2,3", "<0.5", ">=2", "!=a", "= a b"; without a sign, on texts, a part of it in any case of
            letters.

    Raises:
        BadInput: where a column of numbers is asked for a text.
    """
    import polars as pl

    found = _CONDITION.fullmatch(text)
    sign, rest = (found[1], found[2]) if found else (None, text)
    one = pl.col(column)
    if not dtype.is_numeric():
        return _on_texts(one.cast(pl.String), sign, rest)
    values = [_number(column, part) for part in rest.split(",")]
    if sign in ("<", "<=", ">", ">="):
        compare = {"<": one.lt, "<=": one.le, ">": one.gt, ">=": one.ge}[sign]
        return compare(values[0]).fill_null(value=False)
    hit = pl.any_horizontal(one.is_nan() if value != value else one.eq(value) for value in values)  # noqa: PLR0124
    return (~hit if sign == "!=" else hit).fill_null(value=sign == "!=")


def _on_texts(one: pl.Expr, sign: str | None, rest: str) -> pl.Expr:
    import polars as pl

    values = [part.strip() for part in rest.split(",")]
    if sign is None:
        lower = one.str.to_lowercase()
        hit = pl.any_horizontal(lower.str.contains(value.lower(), literal=True) for value in values)
        return hit.fill_null(value=False)
    if sign in ("=", "!="):
        hit = one.is_in([rest, *values])
        return (~hit if sign == "!=" else hit).fill_null(value=sign == "!=")
    compare = {"<": one.lt, "<=": one.le, ">": one.gt, ">=": one.ge}[sign]
    return compare(rest).fill_null(value=False)


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        name = _OWN.get(column, column)
        raise BadInput(f"'{text.strip()}' is no number, and '{name}' is", hint="write 0.1, 1,2,3, <0.5, !=2") from None


def _frame(look: Look, made: Table) -> pl.DataFrame:
    """The table with state, seconds and start."""
    import polars as pl

    plan = look.plan.tasks[made.task]
    codes, light = look.codes[made.task], look.index.light
    seconds, started = np.full(plan.size, np.nan), np.full(plan.size, np.nan)
    done = plan.found >= 0
    if done.any():
        seconds[done], started[done] = light["seconds"][plan.found[done]], light["started"][plan.found[done]]
    states = pl.DataFrame(
        {
            RUN: pl.Series([id.hex() for id in plan.ids], dtype=pl.String),
            _STATE: pl.Series(list(STATES), dtype=pl.String).gather(codes.astype(np.int64)),
            _SECONDS: pl.Series(seconds).fill_nan(None),
            _STARTED: pl.Series(started).fill_nan(None),
        }
    )
    return made.rows.join(states, on=RUN, how="left", maintain_order="left")


def _columns(made: Table, names: Sequence[str]) -> list[dict[str, Any]]:
    kinds = {RUN: "run", _STATE: "state", _SECONDS: "time", _STARTED: "time"}
    kinds |= dict.fromkeys(made.labels, "label") | dict.fromkeys(made.params, "param")
    kinds |= dict.fromkeys(made.metrics, "metric")
    taken: list[str] = []
    found = []
    for name in names:
        taken.append(free(_OWN.get(name, name), taken))
        own = name in _OWN
        found.append(
            {
                "name": taken[-1],
                "kind": kinds[name],
                "number": name in _TIMES or (not own and made.rows.schema[name].is_numeric()),
                "text": plain(made.texts.get(name, ""))[:_LONGEST],
                "same": kinds[name] == "param" and len(made.rows) > 1 and made.rows[name].n_unique() == 1,
            }
        )
    return found


def _known(made: Table, known: dict[str, str], name: str) -> str:
    if name in known:
        return known[name]
    return made.column(name, where="the page's table")


def _cells(values: Sequence[Any]) -> list[Any]:
    return [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        text = plain(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    if isinstance(value, float) and value - value != 0:  # nan and infinities
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:  # no number of a browser
        return str(value)
    return json.loads(json.dumps(value, default=str))

"""SQL over the tables of a study, answered by Polars."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quadrat.core.errors import BadInput, nearest, unknown

if TYPE_CHECKING:
    import polars as pl

_WORD = re.compile(r"[^\W\d]\w*")
_TEXT = re.compile(r"'(?:[^']|'')*'")


def answer(query: str, tables: Sequence[str], load: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    """Answer a query.

    Args:
        query: one SELECT, in the SQL that Polars knows; a column with a dot in its name stands in double quotes.
        tables: the names of all tables.
        load: makes one table; called for those that the query names.

    Raises:
        BadInput: for what is no SQL, or a table or column that does not exist.
    """
    import polars as pl

    words = set(_WORD.findall(_TEXT.sub("", query)))
    loaded = {name: load(name) for name in tables if name in words}
    try:
        with pl.SQLContext(loaded, eager=True) as context:
            return context.execute(query)
    except pl.exceptions.ColumnNotFoundError as error:
        name = _quoted(str(error))
        known = list(dict.fromkeys(column for frame in loaded.values() for column in frame.columns))
        raise _no_column(name, known) from None
    except pl.exceptions.SQLInterfaceError as error:
        name = _quoted(str(error))
        if "was not found" in str(error) and name not in tables:
            raise unknown("table", name, tables) from None
        raise BadInput(f"the query cannot be answered: {_line(error)}", where=query) from None
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"the query cannot be answered: {_line(error)}", where=query) from None


def _no_column(name: str, known: Sequence[str]) -> BadInput:
    """The error for an unknown column; one that only needs its quotes is told so."""
    dotted = [column for column in known if column.endswith(f".{name}") or column.startswith(f"{name}.")]
    if dotted:
        shown = ", ".join(f'"{column}"' for column in dotted[:4])
        return BadInput(f"unknown column '{name}'", hint=f"names with a dot stand in double quotes: {shown}")
    near = nearest(name, known)
    hint = f"did you mean '{near}'?" if near else f"columns: {', '.join(known)}"
    return BadInput(f"unknown column '{name}'", hint=hint)


def _quoted(text: str) -> str:
    """The first thing in quotes."""
    found = re.search(r"[\"'`]([^\"'`]+)[\"'`]", text)
    return found.group(1) if found else text


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]

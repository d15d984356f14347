"""Tables as text or files: for people (table, markdown), and exact (csv, json, parquet)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from quadrat.core.errors import BadInput, unknown
from quadrat.results import human

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("table", "csv", "json", "parquet", "markdown")
SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "table",
}
ROWS_SHOWN = 1000
"""The most rows of a table on a terminal."""


def choose(given: str | None, output: Path | None) -> str:
    """The format: as given, else by the file's suffix, else a table for people.

    Raises:
        BadInput: for a format, or a file's suffix, that there is not.
    """
    if given is not None:
        if given not in FORMATS:
            raise unknown("format", given, FORMATS)
        return given
    if output is None:
        return "table"
    if output.suffix.lower() not in SUFFIXES:
        raise BadInput(
            f"'{output.name}' does not say which format it is to have",
            hint=f"give --format {'|'.join(FORMATS)}, or a name that ends with {', '.join(SUFFIXES)}",
        )
    return SUFFIXES[output.suffix.lower()]


def render(
    frame: pl.DataFrame,
    kind: str,
    *,
    axes: Sequence[str] = (),
    choices: Sequence[str] = (),
    averaged: Sequence[str] = (),
    width: int | None = None,
    limit: int | None = None,
) -> bytes:
    """A table in a format.

    csv: RFC 4180 with a header, shortest exact numbers; null is empty, nan and infinities are `NaN`, `inf`, `-inf`.
    json: a list of records; null is null, nan and infinities (which JSON has not) are the texts "nan", "inf", "-inf",
    which Python's `float` reads. parquet: as Polars writes it, exact. table and markdown: for people, see
    `quadrat.results.human.shown`.

    Args:
        frame: the table.
        kind: one of FORMATS.
        axes: its columns that are labels or parameters.
        choices: those of them that say which variant a tree is of.
        averaged: the names that it was averaged over.
        width: columns of the terminal, for a table.
        limit: the most rows, for a table.

    Raises:
        BadInput: for another format.
    """
    if kind == "csv":
        return _csv(frame)
    if kind == "json":
        return _json(frame)
    if kind == "parquet":
        out = BytesIO()
        frame.write_parquet(out)
        return out.getvalue()
    if kind == "markdown":
        return human.markdown(human.shown(frame, axes, averaged, choices)).encode()
    if kind == "table":
        return human.text(human.shown(frame, axes, averaged, choices), width=width, limit=limit).encode()
    raise unknown("format", kind, FORMATS)


def write(data: bytes, output: Path) -> None:
    """Write a file; folders are made.

    Raises:
        BadInput: where it cannot be written.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(data)
    except OSError as error:
        raise BadInput(f"'{output}' cannot be written: {error.strerror}") from None


def _csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def _json(frame: pl.DataFrame) -> bytes:
    records = [{name: _finite(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]
    lines = b",\n".join(b"  " + orjson.dumps(record, default=str) for record in records)
    return b"[\n" + lines + b"\n]\n" if records else b"[]\n"


def _finite(value: Any) -> Any:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value

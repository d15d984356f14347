"""Values of parameters and metrics as columns of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import orjson
import pydantic
import pydantic_core

from quadrat.core.names import flatten

if TYPE_CHECKING:
    import polars as pl

_LARGEST = 2**63


def leaves(value: Any, name: str) -> dict[str, Any]:
    """A parameter's value as cells by column: a tree gives one for each of its leaves, under dotted names.

    An empty tree is one cell, the text "{}".
    """
    if isinstance(value, Mapping | pydantic.BaseModel):
        found: dict[str, Any] = {}
        items = value if isinstance(value, Mapping) else {key: getattr(value, key) for key in type(value).model_fields}
        for key, item in items.items():
            found |= leaves(item, f"{name}.{key}")
        return found or {name: "{}"}
    return {column: cell(item) for column, item in flatten(value, name).items()}


def cell(value: Any) -> bool | int | float | str | None:
    """One value as a cell holds it: scalars as they are, a path as its text, anything else (a list) as JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, PurePath):
        return str(value)
    plain = pydantic_core.to_jsonable_python(value, inf_nan_mode="constants", fallback=repr)
    return plain if isinstance(plain, bool | int | float | str) else orjson.dumps(plain, default=repr).decode()


def series(name: str, values: Sequence[Any]) -> pl.Series:
    """A column from cells. Whole and other numbers together are floats; numbers and texts together are texts."""
    import polars as pl

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pl.Series(name, values, pl.Null)
    if kinds == {bool}:
        return pl.Series(name, values, pl.Boolean)
    if kinds == {int}:
        large = any(value is not None and not -_LARGEST <= value < _LARGEST for value in values)
        return pl.Series(name, values, pl.Int128 if large else pl.Int64)
    if kinds <= {int, float}:
        return pl.Series(name, values, pl.Float64, strict=False)
    return pl.Series(name, [None if value is None else _text(value) for value in values], pl.String)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def spread(name: str, table: Sequence[Any], codes: Any) -> list[pl.Series]:
    """The columns of a parameter from its distinct values and each row's place among them (-1 for none).

    Args:
        name: the parameter's column; the leaves of trees are `name.leaf`.
        table: distinct values.
        codes: for each row the place of its value, as integers in a numpy array.
    """
    import numpy as np

    place = np.where(codes < 0, len(table), codes)
    cells = [leaves(value, name) for value in table]
    columns = dict.fromkeys(column for one in cells for column in one) or {name: None}
    return [series(column, [*(one.get(column) for one in cells), None]).gather(place) for column in columns]


def finite(value: Any) -> bool:
    """Whether a cell is no nan and no infinity."""
    return not isinstance(value, float) or math.isfinite(value)


def free(name: str, taken: Iterable[str]) -> str:
    """The name, with underscores behind it until nothing else has it."""
    taken = set(taken)
    while name in taken:
        name += "_"
    return name

"""The values of an axis, checked alike wherever one is written: in a file, on the command line, in Python."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from quadrat.core.errors import BadInput
from quadrat.core.identity import encode


def axis_values(name: str, values: Iterable[Any], *, where: str | None = None) -> tuple[Any, ...]:
    """The values of an axis as plain Python values.

    An array is taken for numbers that were computed by steps: its floats are rounded to 15 digits, so that 0.1 + 0.2
    and 0.3 are one point.

    Raises:
        BadInput: for no values at all, for twins, and for numbers so near each other that they are meant to be one.
    """
    if isinstance(values, range):
        kept: tuple[Any, ...] = tuple(values)
    else:
        stepped = hasattr(values, "dtype")
        kept = tuple(tidy(plain_value(value)) if stepped else plain_value(value) for value in values)
        _check_twins(name, kept, where)
    if not kept:
        raise BadInput(f"axis '{name}' is empty", where=where, hint="give at least one value")
    return kept


def plain_value(value: Any) -> Any:
    """A number of numpy (or another array library) as the Python number that it is; anything else as it stands."""
    if type(value).__module__ == "builtins" or getattr(value, "ndim", None) != 0:
        return value
    return value.item()


def tidy(value: Any) -> Any:
    """A float that was computed by steps, rounded to 15 significant digits; anything else as it stands."""
    return float(f"{value:.15g}") if isinstance(value, float) else value


def _check_twins(name: str, values: tuple[Any, ...], where: str | None) -> None:
    seen: set[bytes] = set()
    for value in values:
        code = encode(value)
        if code in seen:
            raise BadInput(f"axis '{name}' has the value {value!r} twice", where=where)
        seen.add(code)
    for one, other in pairwise(sorted(value for value in values if isinstance(value, float))):
        if math.isclose(one, other, rel_tol=1e-12):
            raise BadInput(
                f"axis '{name}' has near twins: {one!r} and {other!r}", where=where, hint="write the one that is meant"
            )

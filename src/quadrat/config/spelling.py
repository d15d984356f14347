"""Python values in the grammar of overrides: what is written is read back as the same value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput


def override_text(value: Any) -> str:
    """A Python value in the grammar of overrides; a list or tuple is an axis.

    Raises:
        BadInput: for a value that it cannot say.
    """
    if isinstance(value, list | tuple | range):
        if not value:
            raise BadInput("an axis without values")
        return ",".join(value_text(one) for one in value)
    return value_text(value)


def value_text(value: Any) -> str:
    """One Python value in the grammar of overrides.

    Raises:
        BadInput: for a value that it cannot say.
    """
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        value = item()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return _quoted(str(value))
    if isinstance(value, Mapping):
        strange = [key for key in value if not re.fullmatch(r"[A-Za-z_][\w.-]*", str(key))]
        if strange:
            raise BadInput(f"{strange[0]!r} cannot be a key in an override", hint="give it in a file: config=…")
        return "{" + ",".join(f"{key}:{value_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Iterable):
        return "[" + ",".join(value_text(one) for one in value) + "]"
    raise BadInput(f"{value!r} cannot be a parameter", hint="numbers, texts, truth values, None, lists, mappings")


def _quoted(text: str) -> str:
    """A text in Hydra's single quotes: inside, backslashes before a quote count, and quotes are escaped."""
    escaped = ""
    slashes = 0
    for sign in text:
        if sign == "'":
            escaped += "\\" * slashes + "\\'"
        else:
            escaped += sign
        slashes = slashes + 1 if sign == "\\" else 0
    return f"'{escaped}{chr(92) * slashes}'"

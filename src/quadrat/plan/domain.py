"""The values that parameters and labels take, each with a small number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pydantic

from quadrat.core.identity import encode
from quadrat.plan.relation import Column


class Domains:
    """For each name the distinct values that it takes; a value's code is its place among them. None is -1."""

    def __init__(self) -> None:
        self._tables: dict[str, list[Any]] = {}
        self._codes: dict[str, dict[bytes, int]] = {}
        self._cache: dict[tuple[Any, ...], Column] = {}

    def codes(self, key: str, path: tuple[str, ...], values: Iterable[Any], cached: tuple[Any, ...] | None) -> Column:
        """The codes of some values of `key` (of what lies at `path` in them); `cached` names a list that was seen."""
        if cached is not None and (key, path, *cached) in self._cache:
            return self._cache[key, path, *cached]
        name = ".".join((key, *path))
        table = self._tables.setdefault(name, [])
        known = self._codes.setdefault(name, {})
        found: list[int] = []
        for value in values:
            item = at_path(value, path)
            if item is None:
                found.append(-1)
                continue
            code = encode(item)
            number = known.get(code)
            if number is None:
                number = known[code] = len(table)
                table.append(item)
            found.append(number)
        column = np.asarray(found, np.int32)
        if cached is not None:
            self._cache[key, path, *cached] = column
        return column

    def table(self, name: str) -> Sequence[Any]:
        """The distinct values of a name."""
        return self._tables.setdefault(name, [])

    def values(self, name: str, codes: Column) -> list[Any]:
        """The values of some codes."""
        table = self.table(name)
        return [None if code < 0 else table[code] for code in codes.tolist()]

    def inner(self, key: str, path: tuple[str, ...]) -> Column:
        """For each value of `key` the code of what lies at `path` in it."""
        return self.codes(key, path, self.table(key), None)

    def outer(self, key: str, paths: Sequence[tuple[str, ...]]) -> Column:
        """For each value of `key` a code that ignores what lies at some paths in it."""
        seen: dict[bytes, int] = {}
        return np.asarray(
            [seen.setdefault(encode(without_paths(value, paths)), len(seen)) for value in self.table(key)], np.int32
        )


def at_path(value: Any, path: tuple[str, ...]) -> Any:
    """What lies at a path inside a tree of models and mappings; None where nothing does."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else getattr(value, step, None)
    return value


def without_paths(value: Any, paths: Sequence[tuple[str, ...]]) -> Any:
    """A tree as plain mappings, without what lies at some paths."""
    if isinstance(value, pydantic.BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if not isinstance(value, Mapping):
        return value
    away = {path[0] for path in paths if len(path) == 1}
    return {
        name: without_paths(item, [path[1:] for path in paths if len(path) > 1 and path[0] == name])
        for name, item in value.items()
        if name not in away
    }

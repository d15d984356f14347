"""The values that parameters and labels take, each with a small number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from quadrat.core.identity import encode
from quadrat.core.trees import Path, at_path
from quadrat.plan.relation import Column


class Domains:
    """For each name the distinct values that it takes; a value's code is its place among them. None is -1."""

    def __init__(self) -> None:
        self._tables: dict[str, list[Any]] = {}
        self._codes: dict[str, dict[bytes, int]] = {}
        self._cache: dict[tuple[str, Path, str], Column] = {}

    def codes(self, key: str, path: Path, values: Iterable[Any], cached: str | None = None) -> Column:
        """The codes of some values of `key` (of what lies at `path` in them).

        With `cached` they are remembered under that name: the next time the values are not looked at.
        """
        if cached is not None and (key, path, cached) in self._cache:
            return self._cache[key, path, cached]
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
            self._cache[key, path, cached] = column
        return column

    def table(self, name: str) -> Sequence[Any]:
        """The distinct values of a name."""
        return self._tables.setdefault(name, [])

    def values(self, name: str, codes: Column) -> list[Any]:
        """The values of some codes."""
        table = self.table(name)
        return [None if code < 0 else table[code] for code in codes.tolist()]

    def inner(self, key: str, path: Path) -> Column:
        """For each value of `key` the code of what lies at `path` in it."""
        return self.codes(key, path, self.table(key))

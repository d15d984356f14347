"""The own points of a task, as the space gives them and the plan takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quadrat.core.task import Point
from quadrat.core.trees import Path, copied, put


@dataclass(frozen=True)
class Reference:
    """A field whose value depends on other parameters of the row: it follows one, or has `${…}` in it.

    Attributes:
        names: full names of the parameters that it depends on.
        value: the field's value from theirs.
        where: where the reference is written, as far as that is known.
    """

    names: tuple[str, ...]
    value: Callable[[Mapping[str, Any]], Any]
    where: str | None = None


@dataclass(frozen=True, eq=False)
class Draft:
    """A point that is not complete before the rows exist.

    Attributes:
        raw: the values that are known, by field.
        references: the fields that wait, with the way to them (("loader", "stim") for a field inside a tree).
        finish: the point from complete raw values; raises `BadInput` where they do not fit.
    """

    raw: Mapping[str, Any]
    references: Mapping[Path, Reference]
    finish: Callable[[Mapping[str, Any]], Point]

    def complete(self, values: Mapping[str, Any]) -> Point:
        """The point, from the values of the parameters that it depends on."""
        raw = copied(self.raw)
        for path, reference in self.references.items():
            put(raw, path, reference.value(values))
        return self.finish(raw)


@dataclass
class TaskPoints:
    """The own points of one task: distinct points, and the rows that refer to them.

    Attributes:
        points: distinct points (or drafts of them).
        rows: for each row the place of its point.
        columns: labels ("experiment") and ties ("#0") of the rows; rows of two tasks join where they agree in them.
    """

    points: list[Point | Draft]
    rows: list[int]
    columns: dict[str, list[Any]] = field(default_factory=dict)

"""Spaces: which points to visit, as a value that can be combined."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from quadrat.core.axes import axis_values, plain_value
from quadrat.core.blame import user_code
from quadrat.core.errors import BadInput
from quadrat.core.identity import encode
from quadrat.core.trees import at_path

Assignment = dict[str, Any]
ANY = object()
"""Stands for whatever value a name has."""
Rename = Callable[[str], str]


@dataclass(frozen=True)
class Visit:
    """One visited point: the values that it assigns, and its labels."""

    values: Assignment
    labels: Assignment


class Space:
    """A set of points. `a * b` combines every point of both, `a + b` visits one after the other, `len(a)` counts."""

    def __mul__(self, other: Space) -> Space:
        """Every point of this space with every point of the other."""
        return Product((*_parts(self, Product), *_parts(other, Product)))

    def __add__(self, other: Space) -> Space:
        """The points of this space, then those of the other."""
        return Union((*_parts(self, Union), *_parts(other, Union)))

    def __len__(self) -> int:
        """How many points there are."""
        return sum(1 for _ in self.visits())

    def where(self, test: Callable[[Mapping[str, Any]], bool]) -> Space:
        """Only the points whose values and labels pass a test."""
        return Filtered(self, test)

    def label(self, **labels: Any) -> Space:
        """The same points with labels."""
        return self * label(**labels)

    def visits(self) -> Iterator[Visit]:
        """Every point."""
        raise NotImplementedError

    def names(self) -> set[str]:
        """The names that the points assign."""
        return {name for visit in self.visits() for name in visit.values}

    def renamed(self, rename: Rename) -> Space:
        """The same points with other names for what they assign."""
        return self

    def replaced(self, axis: Axis) -> tuple[Space, bool]:
        """The space with another axis in place of the one of that name; whether there was one.

        Raises:
            BadInput: where points assign that name one by one, so that there is no axis to replace.
        """
        return self, False

    def without(self, name: str) -> tuple[Space, bool]:
        """The space without the axis of that name; whether there was one.

        Raises:
            BadInput: where points assign that name one by one.
        """
        return self, False

    def origin(self, name: str, value: Any) -> str | None:
        """Where it is written that a name has this value (or `ANY`), as far as that is known."""
        return None


@dataclass(frozen=True)
class Axis(Space):
    """One parameter and the values that it takes; for each value where it is written, as far as that is known."""

    name: str
    values: tuple[Any, ...]
    wheres: tuple[str | None, ...] = field(default=(), repr=False, compare=False)

    def __len__(self) -> int:
        """How many values there are."""
        return len(self.values)

    def visits(self) -> Iterator[Visit]:
        """One point for each value."""
        return (Visit({self.name: value}, {}) for value in self.values)

    def names(self) -> set[str]:
        """The one name."""
        return {self.name}

    def renamed(self, rename: Rename) -> Space:
        """The axis by its other name."""
        return Axis(rename(self.name), self.values, self.wheres)

    def replaced(self, axis: Axis) -> tuple[Space, bool]:
        """The other axis where the name is the same."""
        if self.name == axis.name:
            return axis, True
        _refuse(axis.name, ({self.name: value} for value in self.values))
        return self, False

    def without(self, name: str) -> tuple[Space, bool]:
        """The one point that assigns nothing, where the name is the same."""
        return (Product(()), True) if self.name == name else (self, False)

    def origin(self, name: str, value: Any) -> str | None:
        """Where the value is written."""
        if self.name != name or not self.wheres:
            return None
        if value is ANY:
            return self.wheres[0]
        code = encode(value)
        return next((where for one, where in zip(self.values, self.wheres, strict=False) if encode(one) == code), None)


@dataclass(frozen=True)
class Points(Space):
    """Points one by one."""

    rows: tuple[Assignment, ...]

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.rows)

    def visits(self) -> Iterator[Visit]:
        """Each point as it was given."""
        return (Visit(dict(row), {}) for row in self.rows)

    def renamed(self, rename: Rename) -> Space:
        """The points by their other names."""
        new = {name: rename(name) for name in dict.fromkeys(name for row in self.rows for name in row)}
        return Points(tuple({new[name]: value for name, value in row.items()} for row in self.rows))

    def replaced(self, axis: Axis) -> tuple[Space, bool]:
        """Itself: points are no axis."""
        _refuse(axis.name, self.rows)
        return self, False

    def without(self, name: str) -> tuple[Space, bool]:
        """Itself, unless the points assign the name."""
        _refuse(name, self.rows)
        return self, False


@dataclass(frozen=True)
class Labels(Space):
    """One point that assigns nothing and has labels."""

    labels: tuple[tuple[str, Any], ...]

    def visits(self) -> Iterator[Visit]:
        """The one point."""
        return iter([Visit({}, dict(self.labels))])


@dataclass(frozen=True)
class Product(Space):
    """Every combination of the points of its parts; the last part varies fastest."""

    parts: tuple[Space, ...]

    def __len__(self) -> int:
        """How many combinations there are."""
        return math.prod(map(len, self.parts))

    def visits(self) -> Iterator[Visit]:
        """Every combination."""
        for combination in product(*(list(part.visits()) for part in self.parts)):
            values: Assignment = {}
            labels: Assignment = {}
            for visit in combination:
                for name, value in visit.values.items():
                    if name in values:
                        raise BadInput(f"two factors of a product both set '{name}'", hint="combine them with +")
                    values[name] = value
                labels |= visit.labels
            yield Visit(values, labels)

    def names(self) -> set[str]:
        """The names of all parts."""
        return {name for part in self.parts for name in part.names()}

    def renamed(self, rename: Rename) -> Space:
        """The product of the parts by their other names."""
        return Product(tuple(part.renamed(rename) for part in self.parts))

    def replaced(self, axis: Axis) -> tuple[Space, bool]:
        """The product with the axis replaced in the part that has it."""
        changed = [part.replaced(axis) for part in self.parts]
        return Product(tuple(space for space, _ in changed)), any(found for _, found in changed)

    def without(self, name: str) -> tuple[Space, bool]:
        """The product without the axis."""
        changed = [part.without(name) for part in self.parts]
        return Product(tuple(space for space, _ in changed)), any(found for _, found in changed)

    def origin(self, name: str, value: Any) -> str | None:
        """Where a part has it from."""
        return next((where for part in self.parts if (where := part.origin(name, value))), None)


@dataclass(frozen=True)
class Union(Space):
    """The points of its parts, one part after the other."""

    parts: tuple[Space, ...]

    def __len__(self) -> int:
        """How many points the parts have together."""
        return sum(map(len, self.parts))

    def visits(self) -> Iterator[Visit]:
        """The points of each part in turn."""
        return (visit for part in self.parts for visit in part.visits())

    def names(self) -> set[str]:
        """The names of all parts."""
        return {name for part in self.parts for name in part.names()}

    def renamed(self, rename: Rename) -> Space:
        """The union of the parts by their other names."""
        return Union(tuple(part.renamed(rename) for part in self.parts))

    def replaced(self, axis: Axis) -> tuple[Space, bool]:
        """Itself, unless a part assigns the name: then there is no axis of all its points to replace."""
        for part in self.parts:
            if part.replaced(axis)[1]:
                raise _set_by_points(axis.name)
        return self, False

    def without(self, name: str) -> tuple[Space, bool]:
        """Itself, unless a part assigns the name."""
        for part in self.parts:
            if part.without(name)[1]:
                raise _set_by_points(name)
        return self, False

    def origin(self, name: str, value: Any) -> str | None:
        """Where a part has it from."""
        return next((where for part in self.parts if (where := part.origin(name, value))), None)


@dataclass(frozen=True)
class Filtered(Space):
    """The points of a space that pass a test.

    Attributes:
        space: all points.
        test: takes values and labels by the names that they had when the test was written.
        shown: these names, where others stand in the space by now.
    """

    space: Space
    test: Callable[[Mapping[str, Any]], bool]
    shown: Mapping[str, str] = field(default_factory=dict)

    def visits(self) -> Iterator[Visit]:
        """The points that pass."""
        for visit in self.space.visits():
            values = {self.shown.get(name, name): value for name, value in visit.values.items()}
            with user_code("the test of a space"):
                is_kept = self.test(visit.labels | values)
            if is_kept:
                yield visit

    def names(self) -> set[str]:
        """The names of the space."""
        return self.space.names()

    def renamed(self, rename: Rename) -> Space:
        """The renamed space; the test goes on by the names that it knows."""
        shown = {rename(name): self.shown.get(name, name) for name in self.space.names()}
        return Filtered(self.space.renamed(rename), self.test, shown)

    def replaced(self, axis: Axis) -> tuple[Space, bool]:
        """The test over the space with the axis replaced."""
        space, found = self.space.replaced(axis)
        return Filtered(space, self.test, self.shown), found

    def without(self, name: str) -> tuple[Space, bool]:
        """Itself, unless it has the axis, which the test may look at."""
        if self.space.without(name)[1]:
            raise _set_by_points(name)
        return self, False

    def origin(self, name: str, value: Any) -> str | None:
        """Where the space has it from."""
        return self.space.origin(name, value)


def grid(axes: Mapping[str, Iterable[Any]] | None = None, /, **more: Iterable[Any]) -> Space:
    """Every combination of the axes' values: `grid(lr=[0.1, 0.2], seed=range(3))`; dotted names in a mapping.

    Raises:
        BadInput: for an axis that is empty or has twins.
    """
    return Product(tuple(axis(name, values) for name, values in {**(axes or {}), **more}.items()))


def axis(name: str, values: Iterable[Any], *, wheres: Sequence[str | None] = ()) -> Axis:
    """One axis, its values checked; `wheres` tells for each value where it is written."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise BadInput(f"axis '{name}' has no list of values but {values!r}", hint=f"write {name}=[{values!r}]")
    return Axis(name, axis_values(name, values, where=wheres[0] if wheres else None), tuple(wheres))


def points(rows: Iterable[Mapping[str, Any]]) -> Space:
    """Points one by one, each a mapping of parameter names to values; a list in it is a value.

    Raises:
        BadInput: for a point that is no mapping.
    """
    kept = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise BadInput(f"a point is a mapping of names to values, not {row!r}")
        kept.append({str(name): plain_value(value) for name, value in row.items()})
    return Points(tuple(kept))


def label(**labels: Any) -> Space:
    """A factor that gives labels: columns for tables, views and gathers, which are in no ordinary id."""
    return Labels(tuple((name, plain_value(value)) for name, value in labels.items()))


def _parts(space: Space, kind: type[Product] | type[Union]) -> tuple[Space, ...]:
    if isinstance(space, kind):
        return space.parts
    if kind is Union and isinstance(space, Points) and not space.rows:
        return ()  # points([]) is the empty sum, to start a loop with
    return (space,)


def _set_by_points(name: str) -> BadInput:
    return BadInput(
        f"'{name}' is set point by point, so it cannot be set for all",
        hint=f"select among the points with --where '{name}=…'",
    )


def _refuse(name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a name that points assign: itself, something inside it, or something around it that has it.

    Raises:
        BadInput: naming the way out.
    """
    for row in rows:
        for held, value in row.items():
            around = name.startswith(f"{held}.") and at_path(value, tuple(name[len(held) + 1 :].split("."))) is not None
            if held == name or held.startswith(f"{name}.") or around:
                raise _set_by_points(name)

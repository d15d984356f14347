"""Spaces: which points to visit, as a value that can be combined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from quadrat.core.errors import BadInput

Assignment = dict[str, Any]


@dataclass(frozen=True)
class Visit:
    """One visited point: the values that it assigns, and its labels."""

    values: Assignment
    labels: Assignment


class Space:
    """A set of points. `a * b` combines every point of both, `a + b` visits one after the other."""

    def __mul__(self, other: Space) -> Space:
        """Every point of this space with every point of the other."""
        return Product((*_parts(self, Product), *_parts(other, Product)))

    def __add__(self, other: Space) -> Space:
        """The points of this space, then those of the other."""
        return Union((*_parts(self, Union), *_parts(other, Union)))

    def where(self, test: Callable[[Mapping[str, Any]], bool]) -> Space:
        """Only the points whose values and labels pass a test."""
        return Filtered(self, test)

    def label(self, **labels: Any) -> Space:
        """The same points with labels."""
        return self * label(**labels)

    def visits(self) -> Iterator[Visit]:
        """Every point."""
        raise NotImplementedError

    def replaced(self, axis: Axis, same: Callable[[str], bool]) -> tuple[Space, bool]:
        """The space with another axis in place of the one whose name is the `same`; whether there was one.

        Raises:
            BadInput: where points assign that name one by one, so that there is no axis to replace.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Axis(Space):
    """One parameter and the values that it takes."""

    name: str
    values: tuple[Any, ...]

    def visits(self) -> Iterator[Visit]:
        """One point for each value."""
        return (Visit({self.name: value}, {}) for value in self.values)

    def replaced(self, axis: Axis, same: Callable[[str], bool]) -> tuple[Space, bool]:
        """The other axis where the name is the same."""
        return (axis, True) if same(self.name) else (self, False)


@dataclass(frozen=True)
class Points(Space):
    """Points one by one."""

    rows: tuple[Assignment, ...]

    def visits(self) -> Iterator[Visit]:
        """Each point as it was given."""
        return (Visit(dict(row), {}) for row in self.rows)

    def replaced(self, axis: Axis, same: Callable[[str], bool]) -> tuple[Space, bool]:
        """Itself: points are no axis."""
        if any(same(name) for row in self.rows for name in row):
            raise BadInput(
                f"'{axis.name}' is set point by point, so there is no axis to replace",
                hint=f"select among the points with --where '{axis.name}=…'",
            )
        return self, False


@dataclass(frozen=True)
class Labels(Space):
    """One point that assigns nothing and has labels."""

    labels: tuple[tuple[str, Any], ...]

    def visits(self) -> Iterator[Visit]:
        """The one point."""
        return iter([Visit({}, dict(self.labels))])

    def replaced(self, axis: Axis, same: Callable[[str], bool]) -> tuple[Space, bool]:
        """Itself."""
        return self, False


@dataclass(frozen=True)
class Product(Space):
    """Every combination of the points of its parts; the last part varies fastest."""

    parts: tuple[Space, ...]

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

    def replaced(self, axis: Axis, same: Callable[[str], bool]) -> tuple[Space, bool]:
        """The product with the axis replaced in the part that has it."""
        parts, found = _replace_in(self.parts, axis, same)
        return Product(parts), found


@dataclass(frozen=True)
class Union(Space):
    """The points of its parts, one part after the other."""

    parts: tuple[Space, ...]

    def visits(self) -> Iterator[Visit]:
        """The points of each part in turn."""
        return (visit for part in self.parts for visit in part.visits())

    def replaced(self, axis: Axis, same: Callable[[str], bool]) -> tuple[Space, bool]:
        """Itself, unless a part has the axis: then there is none of its own to replace."""
        if _replace_in(self.parts, axis, same)[1]:
            Points(({axis.name: None},)).replaced(axis, lambda name: name == axis.name)
        return self, False


@dataclass(frozen=True)
class Filtered(Space):
    """The points of a space that pass a test."""

    space: Space
    test: Callable[[Mapping[str, Any]], bool]

    def visits(self) -> Iterator[Visit]:
        """The points that pass."""
        return (visit for visit in self.space.visits() if self.test(visit.labels | visit.values))

    def replaced(self, axis: Axis, same: Callable[[str], bool]) -> tuple[Space, bool]:
        """The test over the space with the axis replaced."""
        space, found = self.space.replaced(axis, same)
        return Filtered(space, self.test), found


def grid(axes: Mapping[str, Sequence[Any]] | None = None, /, **more: Sequence[Any]) -> Space:
    """Every combination of the axes' values: `grid(lr=[0.1, 0.2], seed=range(3))`; dotted names in a mapping.

    Raises:
        BadInput: for an axis that is empty or has twins.
    """
    parts = []
    for name, values in {**(axes or {}), **more}.items():
        if isinstance(values, str | bytes | Mapping):
            raise BadInput(f"axis '{name}' has no list of values but {values!r}", hint=f"write {name}=[{values!r}]")
        parts.append(axis(name, values))
    return Product(tuple(parts))


def axis(name: str, values: Sequence[Any], *, where: str | None = None) -> Axis:
    """One axis, its values checked."""
    from quadrat.core.identity import encode

    kept = tuple(values)
    if not kept:
        raise BadInput(f"axis '{name}' is empty", where=where, hint="give at least one value")
    if not isinstance(values, range):
        seen: dict[bytes, Any] = {}
        for value in kept:
            code = encode(value)
            if code in seen:
                raise BadInput(f"axis '{name}' has the value {value!r} twice", where=where)
            seen[code] = value
    return Axis(name, kept)


def points(rows: Sequence[Mapping[str, Any]]) -> Space:
    """Points one by one, each a mapping of parameter names to values; a list in it is a value."""
    return Points(tuple(dict(row) for row in rows))


def label(**labels: Any) -> Space:
    """A factor that gives labels: columns for tables, views and gathers, which are in no ordinary id."""
    return Labels(tuple(labels.items()))


def _parts(space: Space, kind: type[Product] | type[Union]) -> tuple[Space, ...]:
    if isinstance(space, kind):
        return space.parts
    if kind is Union and isinstance(space, Points) and not space.rows:
        return ()  # points([]) is the empty sum, to start a loop with
    return (space,)


def _replace_in(parts: Sequence[Space], axis: Axis, same: Callable[[str], bool]) -> tuple[tuple[Space, ...], bool]:
    changed = [part.replaced(axis, same) for part in parts]
    return tuple(space for space, _ in changed), any(found for _, found in changed)

"""The `sweep:` section as a space: a mapping is a product, a list of mappings a union, a list of scalars an axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quadrat.core.errors import BadInput, ConfigError
from quadrat.core.names import Names
from quadrat.space.algebra import Axis, Points, Product, Space, Union, Visit, axis

Origin = Callable[[tuple[str, ...]], str | None]


def sweep_space(section: Any, names: Names, origin: Origin) -> Space:
    """The space that a `sweep:` section describes; its axes bear full names.

    Raises:
        BadInput: for an unknown name, an axis that is empty or has twins, a form that is none of the three.
    """
    return _space(section, "", ("sweep",), names, origin)


def _space(section: Any, prefix: str, path: tuple[str, ...], names: Names, origin: Origin) -> Space:
    where = origin(path)
    if isinstance(section, Mapping):
        return Product(tuple(_entry(str(key), value, prefix, path, names, origin) for key, value in section.items()))
    if isinstance(section, list) and section and all(isinstance(item, Mapping) for item in section):
        return Union(
            tuple(_space(item, prefix, (*path, str(place)), names, origin) for place, item in enumerate(section))
        )
    if section in (None, []):
        raise ConfigError(f"'{'.'.join(path)}' is empty", where=where, hint="list the axes below it, or take it away")
    raise ConfigError(
        f"'{'.'.join(path)}' is {section!r}", where=where, hint="write a mapping of axes, or a list of mappings"
    )


def _entry(key: str, value: Any, prefix: str, path: tuple[str, ...], names: Names, origin: Origin) -> Space:
    """One key of the section: an axis, a single value, a union below a parameter, or a task's axes."""
    full_path = (*path, key)
    where = origin(full_path) or origin(path)
    dotted = f"{prefix}{key}"
    nests = isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )
    if nests:
        return _space(value, f"{dotted}.", full_path, names, origin)
    found = names.find(dotted, where=where)
    if isinstance(value, list):
        return axis(found.full, tidy_floats(value), where=where)
    return Axis(found.full, (value,))


def tidy_floats(values: list[Any]) -> list[Any]:
    """Floating values rounded to 15 significant digits, so that 0.1 + 0.2 and 0.3 are one point."""
    return [float(f"{value:.15g}") if type(value) is float else value for value in values]


def factors(space: Space) -> list[Space]:
    """The factors of a product, nested products opened up."""
    if isinstance(space, Product):
        return [factor for part in space.parts for factor in factors(part)]
    return [space]


def override_axis(space: Space, new: Axis) -> tuple[Space, bool]:
    """The space with an axis replaced by an override, and whether it had one of that name.

    Raises:
        BadInput: where points set the name, or something inside or around it, one by one.
    """
    space, found = space.replaced(new, lambda name: name == new.name)
    if not found:
        for visit in space.visits() if _mentions(space, new.name) else ():
            _refuse_overlap(visit, new.name)
    return space, found


def _mentions(space: Space, name: str) -> bool:
    """Whether a factor sets a whole tree that the name lies in."""
    return any(
        name.startswith(f"{one}.")
        for factor in factors(space)
        for one in ([factor.name] if isinstance(factor, Axis) else _assigned(factor))
    )


def _assigned(space: Space) -> set[str]:
    if isinstance(space, Points):
        return {name for row in space.rows for name in row}
    return {name for visit in space.visits() for name in visit.values}


def _refuse_overlap(visit: Visit, name: str) -> None:
    for held, value in visit.values.items():
        if name.startswith(f"{held}."):
            for step in name[len(held) + 1 :].split("."):
                value = value.get(step) if isinstance(value, Mapping) else None
            if value is not None:
                raise BadInput(
                    f"'{name}' is set point by point, so it cannot be set for all",
                    hint=f"select among the points with --where '{name}=…'",
                )

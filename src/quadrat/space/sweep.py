"""The `sweep:` section as a space: a mapping is a product, a list of mappings a union, a list of scalars an axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quadrat.core.errors import ConfigError
from quadrat.space.algebra import Axis, Product, Space, Union, axis

Path = tuple[str, ...]
Origin = Callable[[Path], str | None]
FullName = Callable[[str, str | None], str]


def sweep_space(section: Any, full_name: FullName, origin: Origin) -> Space:
    """The space that a `sweep:` section describes; its axes bear full names.

    Args:
        section: the section.
        full_name: the full name of a parameter, from what was written and where.
        origin: file and line of a key.

    Raises:
        BadInput: for an unknown name, an axis that is empty or has twins, a form that is none of the three.
    """
    return _space(section, "", ("sweep",), full_name, origin)


def _space(section: Any, prefix: str, path: Path, full_name: FullName, origin: Origin) -> Space:
    if isinstance(section, Mapping) and section:
        return Product(
            tuple(_entry(str(key), value, prefix, path, full_name, origin) for key, value in section.items())
        )
    if _is_union(section):
        return Union(
            tuple(_space(item, prefix, (*path, str(place)), full_name, origin) for place, item in enumerate(section))
        )
    dotted = ".".join(path)
    if not section:
        raise ConfigError(f"'{dotted}' is empty", where=origin(path), hint="list the axes below it, or take it away")
    raise ConfigError(
        f"'{dotted}' is {section!r}", where=origin(path), hint="write a mapping of axes, or a list of mappings"
    )


def _entry(key: str, value: Any, prefix: str, path: Path, full_name: FullName, origin: Origin) -> Space:
    """One key of the section: an axis, a single value, a union below a parameter, or a task's axes."""
    path = (*path, key)
    where = origin(path)
    if (isinstance(value, Mapping) and value) or _is_union(value):
        return _space(value, f"{prefix}{key}.", path, full_name, origin)
    name = full_name(f"{prefix}{key}", where)
    if isinstance(value, list):
        wheres = [origin((*path, str(place))) for place in range(len(value))]
        return axis(name, value, wheres=wheres or [where])
    return Axis(name, (value,), (where,))


def _is_union(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def factors(space: Space) -> list[Space]:
    """The factors of a product, nested products opened up."""
    if isinstance(space, Product):
        return [factor for part in space.parts for factor in factors(part)]
    return [space]

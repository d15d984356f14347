"""Trees of mappings (and of models): put into, look into, walk, copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

Path = tuple[str, ...]


def put(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value at a path; a mapping is merged into a mapping that is there."""
    for step in path[:-1]:
        inner = tree.get(step)
        if not isinstance(inner, dict):
            inner = tree[step] = {}
        tree = inner
    last = path[-1]
    if isinstance(value, Mapping):
        if not isinstance(tree.get(last), dict):
            tree[last] = {}
        for key, item in value.items():
            put(tree[last], (str(key),), item)
    else:
        tree[last] = value


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Everything in a tree that is no mapping, with the way to it."""
    if isinstance(tree, Mapping):
        for key, item in list(tree.items()):
            yield from leaves(item, (*path, str(key)))
    else:
        yield path, tree


def copied(tree: Any) -> Any:
    """A copy of the mappings of a tree; its leaves are shared."""
    return {key: copied(item) for key, item in tree.items()} if isinstance(tree, Mapping) else tree


def as_mapping(value: Any) -> Any:
    """A model as a mapping of its fields; anything else as it stands."""
    if isinstance(value, pydantic.BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    return value


def at_path(value: Any, path: Path) -> Any:
    """What lies at a path inside a tree of models and mappings; None where nothing does."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else getattr(value, step, None)
    return value


def flatten(value: Any, prefix: str) -> dict[str, Any]:
    """The leaves of a parameter's value under dotted names; a list is a leaf."""
    value = as_mapping(value)
    if isinstance(value, Mapping):
        inner = [flatten(item, f"{prefix}.{name}") for name, item in value.items()]
        return {name: item for part in inner for name, item in part.items()}
    return {prefix: value}

"""Interpolation: `${name}`, `${oc.env:VARIABLE}`, as OmegaConf has it, resolved when the values are known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quadrat.core.errors import ConfigError, nearest

_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_](?:[\w.\-/]|\[[\w\-]+\])*)\s*\}")
_INDEX = re.compile(r"\[([^\]]*)\]")
_RELATIVE = re.compile(r"\$\{(\.+)([\w.\-]*)\}")


def has_interpolation(value: Any) -> bool:
    """Whether a value has `${…}` somewhere in it."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, Mapping):
        return any(has_interpolation(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_interpolation(item) for item in value)
    return False


def references(value: Any) -> set[str]:
    """The dotted names that a value refers to; resolvers such as `${oc.env:HOME}` are none."""
    if isinstance(value, str):
        return {_INDEX.sub(r".\1", name) for name in _REFERENCE.findall(value)}
    if isinstance(value, Mapping):
        return {name for item in value.values() for name in references(item)}
    if isinstance(value, list | tuple):
        return {name for item in value for name in references(item)}
    return set()


def resolve(value: Any, context: Mapping[str, Any], where: str | None) -> Any:
    """A value with every `${…}` in it resolved.

    Args:
        value: text, or a tree with texts in it.
        context: what names refer to, as a nested mapping.
        where: file and line of the value, for errors.

    Raises:
        ConfigError: for a name that nothing has, a resolver that fails, a circle.
    """
    if not has_interpolation(value):
        return value
    from omegaconf import OmegaConf
    from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

    try:
        config = OmegaConf.create({**_plain(context), "_value_": value})
        found = config["_value_"]
        return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
    except InterpolationKeyError as error:
        raise ConfigError(_message(value, error), where=where, hint=_near(value, context)) from None
    except (OmegaConfBaseException, ValueError, RecursionError) as error:
        raise ConfigError(_message(value, error), where=where) from None


def _message(value: Any, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"'{value}' does not resolve: {reason}"


def _near(value: Any, context: Mapping[str, Any]) -> str | None:
    known = _names(context, "")
    for name in sorted(references(value)):
        if name not in known:
            near = nearest(name, known)
            return f"did you mean '${{{near}}}'?" if near else None
    return None


def _names(context: Mapping[str, Any], prefix: str) -> list[str]:
    found: list[str] = []
    for key, value in context.items():
        name = f"{prefix}{key}"
        found.append(name)
        if isinstance(value, Mapping):
            found += _names(value, f"{name}.")
    return found


def _plain(value: Any) -> Any:
    """A context that OmegaConf takes: models as mappings, anything it does not know as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, bool | int | float | str | bytes | None):
        return value
    return str(value)


def absolute(value: Any, path: tuple[str, ...] = ()) -> Any:
    """A tree whose relative references (`${.name}`, `${..name}`) are absolute, so that parts of it can stand alone."""
    if isinstance(value, str) and "${." in value:

        def replaced(found: re.Match[str]) -> str:
            if len(found[1]) > len(path):
                return found[0]  # above the top: `resolve` says so, with the reference as it was written
            base = path[: len(path) - len(found[1])]
            return "${" + ".".join([*base, *([found[2]] if found[2] else [])]) + "}"

        return _RELATIVE.sub(replaced, value)
    if isinstance(value, Mapping):
        return {key: absolute(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [absolute(item, (*path, str(place))) for place, item in enumerate(value)]
    return value

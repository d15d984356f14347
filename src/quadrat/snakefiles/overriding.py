"""What Snakemake's `--config` says, as overrides of Quadrat: a list is an axis, a mapping goes into the parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml

from quadrat.core.errors import ConfigError

# What Hydra's grammar takes as it stands.
_BARE = re.compile(r"[\w./+%@-]+")
_PADDED = re.compile(r"0\d+")
# "{rctype:full}": without a blank YAML takes it for a key without a value, and Hydra for what is meant.
_UNSPACED = re.compile(r"(?P<key>\w+)[:=]+(?P<value>.+)")


def as_overrides(entries: Sequence[str], is_parameter: Callable[[str], bool]) -> list[str]:
    """Overrides from the texts that stand after `--config`.

    Args:
        entries: "name=value" texts; a value is what an override has, or a list or mapping as YAML writes it.
        is_parameter: whether a name is that of a parameter; elsewhere a list is no axis.

    Raises:
        ConfigError: for a list or a mapping that does not parse.
    """
    found: list[str] = []
    for entry in entries:
        name, _, value = entry.partition("=")
        if not value.startswith(("[", "{")):
            if _PADDED.fullmatch(value) and not is_parameter(name):  # "0001", a name: of a parameter it is refused
                value = f"'{value}'"
            found.append(f"{name}={value or 'null'}")
            continue
        try:
            tree = yaml.load(value, Loader=yaml.BaseLoader)
        except yaml.YAMLError:
            raise ConfigError(f"'{value}' is no list and no mapping", where=f"--config {entry}") from None
        found += _spelt(name, tree, is_parameter)
    return found


def _spelt(name: str, value: Any, is_parameter: Callable[[str], bool]) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            unspaced = None if item else _UNSPACED.fullmatch(key)
            if unspaced:
                key, item = unspaced["key"], unspaced["value"]
            yield from _spelt(f"{name}.{key}", item, is_parameter)
    elif isinstance(value, list) and value and is_parameter(name):
        yield f"{name}={','.join(map(literal, value))}"
    else:
        yield f"{name}={literal(value)}"


def literal(value: Any) -> str:
    """A value as Hydra's grammar writes it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{literal(key)}:{literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(literal, value)) + "]"
    text = str(value)
    return text if _BARE.fullmatch(text) else "'" + re.sub(r"(\\*)'", r"\1\1\\'", text) + "'"

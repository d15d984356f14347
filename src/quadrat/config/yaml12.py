"""The one reader of YAML: scalars by the core schema of YAML 1.2, lines kept for errors.

PyYAML reads `1e-6` as text and OmegaConf reads `0010` as 8 and `1:30` as 90; here `1e-6` is a float, `1:30` text, and
`0010` an error, because what it means depends on whom one asks.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from quadrat.core.errors import ConfigError

Path_ = tuple[str, ...]

_PLAIN = "tag:quadrat,2026:plain"
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_OCTAL, _HEX = re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = {".nan", ".NaN", ".NAN"}
_EXPLICIT = {"tag:yaml.org,2002:str": str, "tag:yaml.org,2002:int": int, "tag:yaml.org,2002:float": float}

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Tags every plain scalar the same, so that `scalar` alone decides what it is."""

    yaml_implicit_resolvers = {None: [(_PLAIN, re.compile(""))]}  # noqa: RUF012 - PyYAML's own way of declaring it


@dataclass
class Document:
    """A YAML document: its values, and the line of every key and item in it (counted from 1)."""

    values: Any
    lines: dict[Path_, int] = field(default_factory=dict)


def scalar(text: str, where: str | None = None) -> Any:
    """The value of a plain scalar.

    Raises:
        ConfigError: for an integer with leading zeros, and for NaN.
    """
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    first = text[0]
    if first not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return _integer(text, where)
    if _LEADING_ZERO.fullmatch(text):
        raise leading_zero(text, where)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float("-inf") if first == "-" else float("inf")
    if text in _NAN:
        raise ConfigError("NaN is not a value", where=where, hint="leave the key out, or write null")
    return text


def _integer(text: str, where: str | None) -> int:
    try:
        return int(text)
    except ValueError:  # Python reads no more than 4300 digits, so that a file cannot stall it
        raise ConfigError(f"a number of {len(text)} digits is too long", where=where) from None


def leading_zero(text: str, where: str | None) -> ConfigError:
    """The error for `0010`, which may be 10, 8, or a name."""
    return ConfigError(
        f"'{text}' has leading zeros",
        where=where,
        hint=f"write {int(text)} for the number, '{text}' in quotes for text",
    )


def parse_yaml(text: str, where: str = "<text>") -> Document:
    """Read one YAML document.

    Args:
        text: the document.
        where: the file's name, for errors.

    Raises:
        ConfigError: for what does not parse (with line and column), twin keys, numbers with leading zeros.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        context = f" ({error.context})" if error.context else ""
        raise ConfigError(f"this is no YAML: {error.problem}{context}", where=place) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"this is no YAML: {error}", where=where) from None
    except RecursionError:
        raise _too_deep(where) from None
    document = Document(None)
    if node is not None:
        try:
            document.values = _value(node, (), where, document.lines)
        except RecursionError:
            raise _too_deep(where) from None
    return document


def _too_deep(where: str) -> ConfigError:
    return ConfigError("the document is nested too deeply, or an alias stands for what it is in", where=where)


def read_yaml(path: Path) -> Document:
    """Read a YAML file whose top is a mapping; an empty file is an empty one.

    Raises:
        ConfigError: where there is no such file, it is no text, or its top is no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no file '{path}'", hint=_near_file(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from None
    document = parse_yaml(text, str(path))
    if document.values is None:
        document.values = {}
    if not isinstance(document.values, dict):
        kind = "a list" if isinstance(document.values, list) else f"'{document.values}'"
        raise ConfigError(f"the file holds {kind}", where=f"{path}:1", hint="write a mapping: `name: value` lines")
    return document


def _near_file(path: Path) -> str | None:
    from quadrat.core.errors import nearest

    if not path.parent.is_dir():
        return f"there is no folder '{path.parent}' either"
    near = nearest(path.name, [one.name for one in path.parent.iterdir()])
    return f"did you mean '{path.parent / near}'?" if near else None


def _value(node: yaml.Node, path: Path_, where: str, lines: dict[Path_, int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, f"{where}:{line}")
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, str(place)), where, lines) for place, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"a {node.tag} has no place here", where=f"{where}:{line}")
    merged: dict[Hashable, Any] = {}
    own: dict[Hashable, Any] = {}
    seen: dict[Hashable, int] = {}
    for key_node, value_node in node.value:
        key_line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError("a key is a list or a mapping", where=f"{where}:{key_line}", hint="keys are text")
        if key_node.value == "<<" and key_node.tag == _PLAIN:
            merged |= _merged(value_node, path, where, lines)
            continue
        key = key_node.value
        if key in seen:
            raise ConfigError(
                f"the key '{key}' stands twice",
                where=f"{where}:{key_line}",
                hint=f"the other one is on line {seen[key]}",
            )
        seen[key] = key_line
        lines[*path, key] = key_line
        own[key] = _value(value_node, (*path, key), where, lines)
    return {**merged, **own}


def _merged(node: yaml.Node, path: Path_, where: str, lines: dict[Path_, int]) -> dict[Hashable, Any]:
    """What `<<: *anchor` brings in."""
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    found: dict[Hashable, Any] = {}
    for one in reversed(nodes):
        value = _value(one, path, where, lines)
        if not isinstance(value, dict):
            raise ConfigError("'<<' takes a mapping", where=f"{where}:{one.start_mark.line + 1}")
        found |= value
    return found


def _scalar(node: yaml.ScalarNode, where: str) -> Any:
    if node.tag == _PLAIN:
        return scalar(node.value, where)
    kind = _EXPLICIT.get(node.tag)
    if node.style in ("'", '"', "|", ">") and (kind is str or kind is None):
        return node.value
    if kind is None:
        raise ConfigError(f"the tag {node.tag} has no meaning here", where=where)
    if kind is str:
        return node.value
    # A tag says which type is meant, not another spelling: Python's own `int` would read '1_0' and '010' too.
    value = scalar(node.value, where)
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise ConfigError(f"'{node.value}' is no {kind.__name__}", where=where)

"""Objects named by `_target_`: found without importing when planning, made when running."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quadrat import BadInput, suggest

HERE = __package__  # where this study lies: `quadrat new` copies it under another name
NICKNAME = "wwdc"
"""The package that experiments name; where none of that name is installed, this study stands in for it."""


def canonical(target: str) -> str:
    """The full dotted name of a target: `wwdc.…` is this study, unless a package `wwdc` is installed."""
    first, _, rest = target.partition(".")
    return f"{HERE}.{rest}" if first == NICKNAME and rest and find_spec(NICKNAME) is None else target


def check_targets(tree: Any, where: str = "") -> None:
    """Whether every `_target_` in a tree can be found; reads sources, and imports none of them.

    Raises:
        BadInput: naming the key, and the nearest name that there is.
    """
    if isinstance(tree, Mapping):
        if "_target_" in tree:
            _check(str(tree["_target_"]), f"{where}._target_".lstrip("."))
        for key, value in tree.items():
            check_targets(value, f"{where}.{key}".lstrip("."))
    elif isinstance(tree, list | tuple):
        for number, value in enumerate(tree):
            check_targets(value, f"{where}[{number}]")


def _check(target: str, where: str) -> None:
    *parents, name = canonical(target).split(".")
    spec: ModuleSpec | None = None
    for depth, part in enumerate(parents):
        paths = spec.submodule_search_locations if spec else None
        found = PathFinder.find_spec(".".join(parents[: depth + 1]), paths) if paths or depth == 0 else None
        if found is None:
            if spec and depth == len(parents) - 1 and part in _names(spec):
                return  # a method of a class
            raise _not_found(target, where, part, [] if depth == 0 else _names(spec))
        spec = found
    names = _names(spec)
    if spec is None or (names and name not in names):
        raise _not_found(target, where, name, names)


def _not_found(target: str, where: str, part: str, known: list[str]) -> BadInput:
    hint = suggest(part, known) if known else "a dotted name such as wwdc.models.rgbmnist.VAE"
    return BadInput(f"'{target}' cannot be imported: there is no '{part}'", where=where, hint=hint)


def _names(spec: ModuleSpec | None) -> list[str]:
    """What a module or package may offer: modules in it, and names that its source defines or brings in."""
    if spec is None:
        return []
    inside = [Path(folder) for folder in spec.submodule_search_locations or ()]
    names = {path.stem for folder in inside for path in folder.glob("*.py") if path.stem != "__init__"}
    names |= {path.parent.name for folder in inside for path in folder.glob("*/__init__.py")}
    if spec.origin and spec.origin.endswith(".py"):
        text = Path(spec.origin).read_text(encoding="utf-8")
        names |= set(re.findall(r"^(?:class|def|async def)\s+(\w+)", text, re.MULTILINE))
        names |= set(re.findall(r"^(\w+)\s*(?::[^=\n]+)?=", text, re.MULTILINE))
        for line in re.findall(r"^(?:from\s+\S+\s+)?import\s+(\([^)]*\)|[^\n]*)", text, re.MULTILINE):
            names |= set(re.findall(r"\w+", line))
    return sorted(names)


def make(tree: Mapping[str, Any], where: str, /, **more: Any) -> Any:
    """The object of a tree: what stands in it is made first, and `more` are added where the target takes them.

    Raises:
        BadInput: a target that does not import, or does not take what the tree gives.
    """
    target = locate(str(tree["_target_"]), f"{where}._target_")
    given = {key: _made(value, f"{where}.{key}") for key, value in tree.items() if key != "_target_"}
    known = inspect.signature(target).parameters
    given |= {key: value for key, value in more.items() if key in known and given.get(key) is None}
    try:
        return target(**given)
    except TypeError as error:
        raise BadInput(f"{tree['_target_']}: {error}", where=where, hint=f"it takes {', '.join(known)}") from None


def _made(value: Any, where: str) -> Any:
    if isinstance(value, Mapping) and "_target_" in value:
        return make(value, where)
    if isinstance(value, Mapping):
        return {key: _made(one, f"{where}.{key}") for key, one in value.items()}
    return [_made(one, where) for one in value] if isinstance(value, list | tuple) else value


def locate(target: str, where: str) -> Any:
    """What a dotted name stands for, imported.

    Raises:
        BadInput: it does not import; says why.
    """
    module, _, name = canonical(target).rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        _check(target, where)
        raise BadInput(f"'{target}' cannot be imported: {error}", where=where) from None

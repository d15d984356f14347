"""Subsets and groups of classes as folders of links: no image is copied."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from quadrat import BadInput

from .datasets import unknown
from .folders import Ready, class_names, describe, ready_path

ALL = "all"

Groups = Mapping[str, Mapping[str, Sequence[str | int]]]


def link_subset(raw: Path, into: Path) -> Ready:
    """Make the folder `into` with a link to every class in `raw`, and `<into>.ready`, which is written last.

    Links are relative, so that a store can be moved as a whole; what is mounted from elsewhere is behind the absolute
    links that `acquire` makes. Links that `into` holds already are replaced.

    Raises:
        BadInput: no classes in `raw`, a class without images, or something else than links in `into`.
    """
    return _link(raw, into, class_names(raw))


def link_group(subset: Path, into: Path, classes: Sequence[str]) -> Ready:
    """Make the folder `into` with links to some of the classes in `subset`; otherwise as `link_subset`.

    Raises:
        BadInput: no class asked for, or one that is not in `subset` (the nearest is told).
    """
    known = class_names(subset)
    for name in classes:
        if name not in known:
            raise unknown("class", name, known, where=str(subset))
    return _link(subset, into, sorted(set(classes)))


def group_classes(groups: Groups, data_name: str, group: str, known: Sequence[str]) -> tuple[str, ...]:
    """The classes of a data group, in the order of the names.

    Args:
        groups: such as {"mnist": {"38": [3, 8]}}; a number is the class of that name.
        data_name: the data set.
        group: a name in it, or 'all'.
        known: the classes that the data set has.

    Raises:
        BadInput: unknown group or class (the nearest is told), or a group without classes.
    """
    own = {str(name): classes for name, classes in groups.get(data_name, {}).items()}
    if group == ALL and ALL not in own:
        return tuple(sorted(known))
    where = f"data_groups.{data_name}"
    if group not in own:
        raise unknown("data group", group, [*own, ALL], where=where)
    names = {str(name) for name in own[group]}
    for name in sorted(names - set(known)):
        raise unknown("class", name, known, where=f"{where}.{group}")
    if not names:
        raise BadInput("a group without classes", where=f"{where}.{group}", hint=f"list some, or use '{ALL}'")
    return tuple(sorted(names))


def _link(source: Path, into: Path, classes: Sequence[str]) -> Ready:
    if not classes:
        raise BadInput("no class to link to", where=str(source))
    into.mkdir(parents=True, exist_ok=True)
    before = list(into.iterdir())
    for old in before:
        if not old.is_symlink():
            raise BadInput(f"'{old.name}' is no link", where=str(into), hint="give a folder that holds links only")
    ready = ready_path(into)
    ready.unlink(missing_ok=True)
    for old in before:
        old.unlink()
    # Both are resolved: `..` in a link is taken from where the folder really is, not from a view of it.
    way = Path(os.path.relpath(source.resolve(), into.resolve()))
    for name in classes:
        (into / name).symlink_to(way / name, target_is_directory=True)
    found = describe(into)
    found.write(ready)
    return found

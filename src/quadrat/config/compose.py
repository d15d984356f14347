"""Composition: a study's configuration with its defaults list and groups, and files on top, as one plain tree.

Hydra composes, once per request, and only where there is a defaults list or a group to compose; it reads the files
through our own reader (`hydra_source`), so that a scalar means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quadrat.config.interpolate import absolute
from quadrat.config.yaml12 import Document, read_yaml
from quadrat.core.errors import ConfigError, nearest


@dataclass
class Composed:
    """A composed configuration; `${…}` is still in it.

    Attributes:
        values: the tree.
        documents: the files that it came from, later ones last.
    """

    values: dict[str, Any]
    documents: list[tuple[Path, Document]] = field(default_factory=list)

    def origin(self, path: tuple[str, ...]) -> str | None:
        """File and line that set a key, as far as that is known; of the last file that has it."""
        documents = self.documents[::-1]
        found = None
        for length in range(1, len(path) + 1):
            having = [(file, one) for file, one in documents if path[:length] in one.lines]
            if having:
                file, document = having[0]
                found = f"{file}:{document.lines[path[:length]]}"
            if having and path[length - 1].isdecimal():
                documents = having[:1]  # lists are replaced whole: what is in this one is of this file alone
        return found


def compose(
    conf_dir: Path | None, config_name: str | None, groups: Sequence[str] = (), files: Sequence[Path] = ()
) -> Composed:
    """Compose a configuration.

    Args:
        conf_dir: the folder of the study's configuration and its groups.
        config_name: the file in it to begin with, without `.yaml`.
        groups: choices of groups, such as "data=rgbmnist".
        files: YAML files on top, in their order; mappings are merged, everything else is replaced.

    Raises:
        ConfigError: for a file, a group or an option that does not exist, or a file that does not parse.
    """
    composed = Composed({})
    if conf_dir is not None and (config_name is not None or groups):
        _add(composed, conf_dir, config_name, groups, [])
    for file in files:
        _add(composed, file.absolute().parent, file.stem if file.suffix == ".yaml" else None, (), [conf_dir], file)
    composed.values = absolute(composed.values)
    return composed


def is_group(conf_dir: Path, key: str) -> bool:
    """Whether an override's key is a group of the study's configuration: a folder in it."""
    return key != "" and ".." not in key and not key.startswith("/") and (conf_dir / key).is_dir()


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two trees in one: mappings are merged, everything else is replaced by what is above."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _add(
    composed: Composed,
    folder: Path,
    name: str | None,
    groups: Sequence[str],
    search: Sequence[Path | None],
    file: Path | None = None,
) -> None:
    path = file or folder / f"{name}.yaml"
    if name is not None or file is not None:
        document = read_yaml(path)
        if "defaults" not in document.values and not groups:
            composed.documents.append((path, document))
            composed.values = merge(composed.values, document.values)
            return
        if path.suffix != ".yaml":
            raise ConfigError(
                "a file with a defaults list ends in .yaml", where=str(path), hint="Hydra looks for no other name"
            )
    for group in groups:
        _check_group(folder, group)
    from quadrat.config.hydra_source import hydra_compose

    folders = [folder, *(one for one in search if one is not None and one != folder)]
    values, documents = hydra_compose(folders, name, groups)
    composed.documents += documents
    composed.values = merge(composed.values, values)


def _check_group(folder: Path, group: str) -> None:
    """A group's option must exist; the nearest one is named."""
    key, _, option = group.lstrip("+~").partition("=")
    if not option or option in ("null", "~") or "," in option or (folder / key / f"{option}.yaml").is_file():
        return
    if not (folder / key).is_dir():
        there = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_dir())
        near = nearest(key, there)
        hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(there) or 'none'}"
        raise ConfigError(f"there is no group '{key}'", where=f"command line: {group}", hint=hint)
    known = sorted(one.stem for one in (folder / key).glob("*.yaml"))
    near = nearest(option, known)
    hint = f"did you mean '{near}'?" if near else f"known: {', '.join(known)}"
    raise ConfigError(f"group '{key}' has no option '{option}'", where=f"command line: {group}", hint=hint)

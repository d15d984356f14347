"""Hydra's side of composition: a source of configuration files that reads them with our reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from hydra import compose, initialize
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from quadrat.config.yaml12 import Document, read_yaml
from quadrat.core.errors import ConfigError, nearest

_read: list[
    tuple[Path, Document, str, str | None]
] = []  # with the path in the search path, and the package that it says
_folders: list[Path] = []


class QuadratSource(ConfigSource):
    """Files in a folder, by the scheme `quadrat://` (the path percent-encoded, so that any name can be said)."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider=provider, path=path)
        self._folder = Path(unquote(self.path))

    @staticmethod
    def scheme() -> str:
        """The scheme of the source."""
        return "quadrat"

    def load_config(self, config_path: str) -> ConfigResult:
        """One file, its scalars read by YAML 1.2."""
        file = self._file(config_path)
        if not file.is_file():
            raise ConfigLoadError(f"there is no file {file}")
        document = read_yaml(file)
        header = self._get_header_dict(file.read_text(encoding="utf-8")[:512])
        _read.append((file, document, config_path, header["package"]))
        return ConfigResult(
            provider=self.provider, path=self.full_path(), config=OmegaConf.create(document.values), header=header
        )

    def _file(self, config_path: str) -> Path:
        return self._folder / self._normalize_file_name(config_path)

    def available(self) -> bool:
        """Whether the folder is there."""
        return self._folder.is_dir()

    def is_group(self, config_path: str) -> bool:
        """Whether a path is a folder."""
        return (self._folder / config_path).is_dir()

    def is_config(self, config_path: str) -> bool:
        """Whether a path is a file."""
        return self._file(config_path).is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """The names in a folder."""
        found: list[str] = []
        for entry in sorted((self._folder / config_path).iterdir()):
            inner = f"{config_path}/{entry.name}" if config_path else entry.name
            self._list_add_result(found, inner, entry.name, results_filter)
        return sorted(set(found))


class QuadratSearchPath(SearchPathPlugin):
    """Puts the folders of the composition that is going on into Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append them; nothing for a composition that is not ours."""
        for folder in _folders:
            search_path.append("quadrat", f"quadrat://{quote(str(folder), safe='')}")


def hydra_compose(
    folders: Sequence[Path], name: str | None, groups: Sequence[str]
) -> tuple[dict[str, Any], list[tuple[Path, Document]]]:
    """Compose a configuration by Hydra.

    Args:
        folders: where to look for files, the first one first.
        name: the file to begin with, without `.yaml`.
        groups: overrides of the defaults list.

    Returns:
        The tree with `${…}` in it, without Hydra's own part, and the files that were read.

    Raises:
        ConfigError: for anything that Hydra refuses, in its words without its traceback.
    """
    for plugin in (QuadratSource, QuadratSearchPath):
        Plugins.instance().register(plugin)
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    _read.clear()
    _folders[:] = folders
    try:
        with initialize(version_base="1.3", config_path=None):
            composed = compose(config_name=name, overrides=list(groups))
        values: Any = OmegaConf.to_container(composed, resolve=False)
    except ConfigError:
        raise
    except RecursionError:
        raise ConfigError("the defaults lists go round in a circle", where=str(folders[0])) from None
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # ValueError: a defaults list of a wrong form
        cause = error.__cause__
        while cause is not None:
            if isinstance(cause, ConfigError):
                raise cause from None
            cause = cause.__cause__
        raise _refusal(error, folders) from None
    finally:
        _folders.clear()
        GlobalHydra.instance().clear()
        GlobalHydra.instance().hydra = before
    return values, [(file, _placed(document, path, package, values)) for file, document, path, package in _read]


def _placed(document: Document, path: str, package: str | None, values: dict[str, Any]) -> Document:
    """A file's lines below the package that its keys went to: the one it says, else its group, else the top.

    Best effort: `group@package: option` in another file's defaults list is not followed; the keys have no origin then.
    """
    said = () if package is None else tuple(part for part in package.split(".") if part not in ("_global_", ""))
    group = tuple(path.split("/")[:-1])
    own = [key for key in document.values if key != "defaults"]
    for place in [said] if package is not None else [group, ()]:
        node: Any = values
        for part in place:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict) and all(key in node for key in own):
            return Document(document.values, {(*place, *line): number for line, number in document.lines.items()})
    return Document(document.values, {})


def _refusal(error: Exception, folders: Sequence[Path]) -> ConfigError:
    """Hydra's message in one line, with the nearest option where one is missing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = lines[0].rstrip(".") if lines else type(error).__name__
    missing = re.search(r"(?:Could not find|Cannot find primary config) '([^']+)'", message)
    hint = None
    if missing:
        known = [
            file.relative_to(folder).with_suffix("").as_posix() for folder in folders for file in folder.rglob("*.yaml")
        ]
        near = nearest(missing[1], known)
        hint = f"did you mean '{near}'?" if near else None
    return ConfigError(f"the configuration does not compose: {message}", where=str(folders[0]), hint=hint)

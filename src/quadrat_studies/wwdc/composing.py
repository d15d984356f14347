"""Experiment folders, composed by Hydra, with errors that say which key of which file is wrong.

The folder of the user comes first, then what this study ships. Whoever composes gets plain trees: nothing of Hydra is
left in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from quadrat import BadInput, suggest

SHIPPED = Path(__file__).parent / "configs"
_OF_FILES = ("save_dir", "version", "name")


@dataclass(frozen=True)
class Composed:
    """A composed configuration.

    Attributes:
        tree: the configuration with Hydra's own part in it; interpolations not resolved.
        files: the files that it was composed from, with the package of each, the last winning.
        name: what was composed, such as experiment/RGBMNIST_FLOW/train.
        given: the user's own axes, in their order.
    """

    tree: DictConfig
    files: list[tuple[Path, str]]
    name: str
    given: tuple[Override, ...] = ()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a dotted key as plain Python, all references resolved.

        Raises:
            BadInput: a reference that does not resolve, with its key and file.
        """
        try:
            found = OmegaConf.select(self.tree, key)
            if isinstance(found, DictConfig | ListConfig):
                return OmegaConf.to_container(found, resolve=True)
        except OmegaConfBaseException as error:
            raise self.explained(error, key) from None
        return default if found is None else found

    def without(self, key: str, *left_out: str) -> dict[str, Any]:
        """The mapping at a key without some of its own keys, whose references need not resolve.

        Raises:
            BadInput: no mapping there; a reference that does not resolve.
        """
        node = OmegaConf.select(self.tree, key)
        if not isinstance(node, DictConfig):
            raise BadInput(f"there is no '{key}'", where=self.name, hint=suggest(key, _keys(self.tree)))
        return {name: self.get(f"{key}.{name}") for name in map(str, node) if name not in left_out}

    def loggers(self) -> list[dict[str, Any]]:
        """The trees of `trainer.logger`, without what names files: their references need not resolve."""
        listed = OmegaConf.select(self.tree, "trainer.logger")
        found = []
        for number in range(len(listed or ())):
            node = OmegaConf.select(self.tree, f"trainer.logger.{number}")
            found.append({str(name): self._value(node, str(name)) for name in node if name not in _OF_FILES})
        return found

    def _value(self, node: DictConfig, name: str) -> Any:
        try:
            value = node[name]
        except OmegaConfBaseException as error:
            raise self.explained(error, name) from None
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value

    def explained(self, error: OmegaConfBaseException, key: str) -> BadInput:
        """The error of a reference, with the file that has it."""
        wrong = str(getattr(error, "full_key", "") or key)
        reason = str(getattr(error, "msg", "") or error).splitlines()[0]
        return BadInput(reason, where=f"{self.file_of(wrong)}: {wrong}", hint=self._near(reason))

    def file_of(self, key: str) -> Path | str:
        """The file that a dotted key comes from."""
        for path, package in reversed(self.files):
            inner = key.removeprefix(f"{package}.") if package else key
            if package and inner == key:
                continue
            tree = OmegaConf.load(path)
            try:
                node = OmegaConf.to_container(tree, resolve=False)
                for part in inner.replace("[", ".").replace("]", "").split("."):
                    node = node[int(part)] if isinstance(node, list) else node[part]  # type: ignore[index]
            except (KeyError, IndexError, TypeError, ValueError):
                continue
            return path
        return self.name

    def _near(self, reason: str) -> str | None:
        asked = reason.split("'")[1] if reason.count("'") >= 2 else ""
        if "environment variable" in reason.lower():
            return f"set it in the shell: export {asked}=…"
        return suggest(asked, _keys(self.tree)) if asked else None

    def sweep(self) -> list[tuple[str, list[Any]]]:
        """The axes of `hydra.sweeper.params`, in their order, as dotted keys with their values.

        An axis of the user takes the place of the one of its key, or stands behind.

        Raises:
            BadInput: text that is no sweep of Hydra's; a sweep over groups of configurations.
        """
        params = self.get("hydra.sweeper.params") or {}
        axes: dict[str, list[Any]] = {}
        for key, text in params.items():
            try:
                override = OverridesParser.create().parse_override(f"{key}={text}")
            except HydraException as error:
                where = f"{self.file_of('hydra.sweeper.params')}: hydra.sweeper.params"
                raise BadInput(f"'{key}: {text}' is no sweep: {error}", where=where) from None
            axes[override.key_or_group] = _values(override)
        for override in self.given:
            axes[override.key_or_group] = _values(override)
        for key, values in axes.items():
            if OmegaConf.is_dict(OmegaConf.select(self.tree, key)) and any(isinstance(one, str) for one in values):
                raise BadInput(
                    f"'{key}' is a group of configurations, which cannot be swept",
                    where=f"overrides: {key}",
                    hint="run the command once for each of them: what they share is run once",
                )
        return list(axes.items())

    def with_values(self, **values: Any) -> Composed:
        """The same with dotted keys set to values."""
        tree = self.tree.copy()
        with open_dict(tree):
            for key, value in values.items():
                OmegaConf.update(tree, key, value, force_add=True)
        return replace(self, tree=tree)


def _values(override: Override) -> list[Any]:
    values = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
    return [_plain(one) for one in values]


def _plain(value: Any) -> Any:
    """A value of Hydra's grammar as Python's, whatever quotes it had."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return {_plain(key): _plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def _keys(tree: DictConfig, before: str = "") -> list[str]:
    """All dotted keys of a tree but Hydra's own."""
    found: list[str] = []
    for key in map(str, tree):
        if not before and key == "hydra":
            continue
        found.append(f"{before}{key}")
        inner = None if OmegaConf.is_interpolation(tree, key) else tree[key]
        if isinstance(inner, DictConfig):
            found += _keys(inner, f"{before}{key}.")
    return found


class Shipped(SearchPathPlugin):
    """Puts what this study ships behind the user's folder, for compositions of this study alone."""

    wanted = False

    @classmethod
    def want(cls) -> None:
        """Take part from now on. Launchers make Hydra forget plugins in the processes that they start."""
        cls.wanted = True
        Plugins.instance().register(cls)

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """What Hydra calls."""
        if self.wanted:
            search_path.append("wwdc", f"file://{SHIPPED}")


@contextmanager
def _hydra(folder: Path) -> Iterator[None]:
    # A caller that is itself a Hydra application has an instance of its own; it gets it back.
    before, wanted = GlobalHydra.instance().hydra, Shipped.wanted
    GlobalHydra.instance().clear()
    Shipped.want()
    try:
        with initialize_config_dir(str(folder.resolve()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra, Shipped.wanted = before, wanted


def compose_experiment(folder: Path | None, name: str, overrides: Sequence[str] = ()) -> Composed:
    """Compose a configuration such as 'experiment/RGBMNIST_FLOW/train'.

    Args:
        folder: the user's folder of configurations; None for the shipped ones alone.
        name: the path in it, without `.yaml`.
        overrides: in Hydra's grammar; what they sweep becomes axes.

    Raises:
        BadInput: no such experiment (the nearest is named), or what Hydra says of files that do not compose.
    """
    folders = check_name(folder, name)
    with _hydra(folders[0]):
        try:
            settings, given = _sorted(OverridesParser.create().parse_overrides([*overrides]), name)
            tree = compose(name, overrides=settings, return_hydra_config=True)
            loader = GlobalHydra.instance().config_loader()
            listed = loader.compute_defaults_list(name, settings, RunMode.RUN).defaults
        except HydraException as error:
            told = " ".join(str(error).split()).partition(" Config search path:")[0]
            raise BadInput(told, where=f"{folders[0] / name}.yaml", hint=_nearest(told, name, folders)) from None
        except OmegaConfBaseException as error:
            raise BadInput(str(error).splitlines()[0], where=f"{folders[0] / name}.yaml") from None
    files = []
    for each in listed:
        found = [one / f"{each.config_path}.yaml" for one in folders if each.config_path]
        files += [(path, _package(each.package)) for path in found[::-1] if path.is_file()][-1:]
    return Composed(tree, files, name, tuple(given))


def _sorted(overrides: Sequence[Override], name: str) -> tuple[list[str], list[Override]]:
    """Overrides that are composed, and those that are axes: they sweep, or stand for an axis of the files."""
    swept: set[str] = set()
    if not all(one.is_sweep_override() for one in overrides):
        with suppress(HydraException, OmegaConfBaseException):  # composes with the overrides alone, or not at all
            params = compose(name, return_hydra_config=True).hydra.sweeper.get("params") or {}
            swept = {str(key).lstrip("+~") for key in params}
    axes = [one for one in overrides if one.is_sweep_override() or one.key_or_group in swept]
    return [one.input_line or "" for one in overrides if one not in axes], axes


def _nearest(told: str, name: str, folders: Sequence[Path]) -> str | None:
    """What was probably meant: a key of the configuration by an override, or a file of a group."""
    if key := re.search(r"Could not override '([^']+)'", told):
        return suggest(key[1], _keys(compose(name)))
    if group := re.search(r"Could not load '([^']+)'", told):
        parent, _, wrong = group[1].rpartition("/")
        return suggest(wrong, {path.stem for folder in folders for path in (folder / parent).glob("*.yaml")})
    return None


def check_name(folder: Path | None, name: str) -> list[Path]:
    """The folders of configurations, the user's first; one of them has the one of that name.

    Raises:
        BadInput: none has; the nearest name is told.
    """
    folders = [one for one in (folder, SHIPPED) if one is not None]
    if not any((one / f"{name}.yaml").is_file() for one in folders):
        parts = ("train", "embed")
        files = [path for one in folders for part in parts for path in one.glob(f"experiment/*/{part}.yaml")]
        known = sorted({"/".join(path.with_suffix("").parts[-3:]) for path in files})
        raise BadInput(f"there is no configuration '{name}'", where=str(folders[0]), hint=suggest(name, known))
    return folders


def _package(package: str | None) -> str:
    return "" if package in (None, "_global_") else str(package)

"""Where the parts meet: a request becomes a configuration, a space, a plan, and is run.

The command line and the Python interface both go through here; nothing else joins the layers.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.config import Composed, Override, compose, is_group, merge, parse_overrides, resolve
from quadrat.core.errors import BadInput, ConfigError, DeclarationError, unknown
from quadrat.core.fingerprint import fingerprints
from quadrat.core.loading import Loaded, StudyRef, find_study, remember
from quadrat.core.names import Names
from quadrat.core.study import Study
from quadrat.plan.plan import Plan, TaskPlan, Wish, build_plan, needed_tasks
from quadrat.settings import Origin, Settings, check_rerun, read_settings, with_resources
from quadrat.space.expand import Expansion
from quadrat.store.layout import Layout
from quadrat.store.store import Store

STORE_VARIABLE = "QUADRAT_STORE"


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        overrides: "name=value" texts in Hydra's grammar.
        config_files: YAML files on top of the study's own configuration.
        only, to: names of tasks or parts.
        rerun: kinds of runs to run again; None leaves it to the configuration.
        where: selections such as "dropout_prob=0.1,0.5".
        partial: gathers go on without members that failed.
    """

    overrides: tuple[str, ...] = ()
    config_files: tuple[Path, ...] = ()
    only: str | None = None
    to: str | None = None
    rerun: tuple[str, ...] | None = None
    where: tuple[str, ...] = ()
    partial: bool = False

    def words(self) -> list[str]:
        """What selects its runs, as on the command line: behind the study, in any verb that takes it."""
        named = [("--only", self.only), ("--to", self.to), *(("--config", str(file)) for file in self.config_files)]
        named += [("--where", text) for text in self.where]
        return [*self.overrides, *(word for name, value in named if value is not None for word in (name, value))]


@dataclass
class Session:
    """A study on a store, for one request. Everything in it is made when it is first needed.

    Args:
        loaded: the study and how it was found.
        store: where runs are kept.
        request: what is asked for.
    """

    loaded: Loaded
    store: Store
    request: Request = field(default_factory=Request)

    @property
    def study(self) -> Study:
        """The study."""
        return self.loaded.study

    @cached_property
    def names(self) -> Names:
        """The resolver of the study's names."""
        names = Names(self.study)
        for param in names:
            if param.field in Settings.model_fields and len(param.tasks) > 1:
                raise BadInput(f"parameter '{param.field}' has the name of a setting of Quadrat", hint="rename it")
        return names

    @cached_property
    def _setting_names(self) -> dict[str, str]:
        """The library's settings by every name that they have here; a parameter goes before one of its name.

        Raises:
            DeclarationError: where the study gives a name to a setting that does not exist, or that of another setting.
        """
        known = list(Settings.model_fields)
        for said, name in self.study.settings_as.items():
            where = str(self.study.file) if self.study.file else None
            if name not in known:
                error = unknown("setting of Quadrat", name, known, where=where)
                raise DeclarationError(f"{error.message} in settings_as", where=where, hint=error.hint)
            if said in known and said != name:
                raise DeclarationError(
                    f"settings_as gives '{name}' the name of another setting, '{said}'", where=where, hint="rename it"
                )
        every = {name: name for name in known} | self.study.settings_as
        return {said: name for said, name in every.items() if not self.names.lookup(said)}

    @cached_property
    def _parsed(self) -> tuple[list[Override], list[str], dict[str, Any], dict[str, str]]:
        """Overrides of parameters, of config groups, and of the library's settings with where they were written."""
        overrides: list[Override] = []
        groups: list[str] = []
        own: dict[str, Any] = {}
        wheres: dict[str, str] = {}
        for one in parse_overrides(self.request.overrides):
            head, *inner = one.key.split(".")
            if head in self._setting_names:
                value = list(one.values) if one.values is not None else one.value
                for step in reversed(inner):
                    value = {step: value}
                name = self._setting_names[head]
                own = merge(own, {name: value})
                wheres[name] = f"command line: {one.text}"
            elif self.conf_dir is not None and is_group(self.conf_dir, one.key):
                groups.append(_one_choice(one))
            else:
                overrides.append(one)
        return overrides, groups, own, wheres

    @cached_property
    def conf_dir(self) -> Path | None:
        """The study's folder of configuration, or None."""
        folder = self.study.file.parent / "conf" if self.study.file else None
        return folder if folder is not None and folder.is_dir() else None

    @property
    def project_files(self) -> list[Path]:
        """The configuration of the study's users, as far as the working folder has it."""
        return [file for file in self.study.project_config if file.exists()]

    @cached_property
    def _composed(self) -> Composed:
        """The study's configuration, that of its users, and the files of the request."""
        has_config = self.conf_dir is not None and (self.conf_dir / f"{self.study.config}.yaml").is_file()
        files = [*self.project_files, *self.request.config_files]
        return compose(self.conf_dir, self.study.config if has_config else None, self._parsed[1], files)

    @cached_property
    def _configured(self) -> tuple[dict[str, Any], Settings, Origin]:
        """The configuration without the library's settings, and these, with where they were written."""
        _, _, given, wheres = self._parsed
        composed = self._composed
        values = dict(composed.values)
        own: dict[str, Any] = {}
        keys: dict[str, str] = {}
        for said, name in self._setting_names.items():
            if said not in values:
                continue
            if name in own:
                raise ConfigError(
                    f"setting '{name}' is set twice, by two of its names",
                    where=composed.origin((said,)),
                    hint=f"the other one is at {composed.origin((keys[name],))}",
                )
            keys[name] = said
            own[name] = resolve(values.pop(said), composed.values, composed.origin((said,)))

        def origin(path: tuple[str, ...]) -> str | None:
            return wheres.get(path[0]) or composed.origin((keys.get(path[0], path[0]), *path[1:]))

        return values, read_settings(merge(own, given), origin), origin

    @cached_property
    def expansion(self) -> Expansion:
        """The request as points."""
        values, overrides = self._configured[0], self._parsed[0]
        return Expansion(self.study, self.names, values, self._composed.origin, overrides, list(self._setting_names))

    @property
    def settings(self) -> Settings:
        """The library's settings for this request."""
        return self._configured[1]

    @cached_property
    def equipped(self) -> Study:
        """The study with the resources that the settings give to its tasks."""
        _, settings, origin = self._configured
        return with_resources(self.study, settings, origin)

    @cached_property
    def wish(self) -> Wish:
        """What of the study is wanted."""
        rerun = self.request.rerun if self.request.rerun is not None else self.settings.rerun_kinds
        check_rerun(rerun, "--rerun" if self.request.rerun is not None else None)
        kinds = frozenset(rerun) | ({"failed"} if "none" not in rerun else set())
        return Wish(
            only=None if self.request.only is None else tuple(self.study.select(self.request.only)),
            to=None if self.request.to is None else tuple(self.study.select(self.request.to)),
            rerun=kinds,
            where=tuple(selection(self.names, text, self.expansion) for text in self.request.where),
            partial=self.request.partial,
        )

    @cached_property
    def codes(self) -> dict[str, str]:
        """The fingerprint of each task's code."""
        return fingerprints(self.study)

    def plan(self, *, write_index: bool = False) -> Plan:
        """The plan of the request, against what the store holds now. Pure, but for the index where asked for."""
        study = self.equipped
        tasks = needed_tasks(study, self.wish)
        points = self.expansion.points(tasks)
        plan = build_plan(
            study,
            self.names,
            points,
            self.wish,
            self.store.finished(write=write_index),
            self.codes,
            self.expansion.request.settings,
            lacks_temps=self._lacks_temps if self.store.exists else None,
        )
        if self.wish.where and not any(one.size for one in plan.tasks.values()):
            raise BadInput(f"no run passes {' and '.join(text for _, _, text in self.wish.where)}")
        return plan

    def _lacks_temps(self, one: TaskPlan, runs: Sequence[int]) -> NDArray[np.bool_]:
        """Which finished runs lack temporary artifacts by now."""
        lacking = []
        for run in runs:
            record = self.store.index.record(int(one.found[run]))
            folder = self.store.folder(record)
            lacking.append(any(art.temp and not (folder / art.path).exists() for art in record.artifacts.values()))
        return np.array(lacking, dtype=bool)


def open_session(study: str | Study, store: str | Path | None = None, request: Request | None = None) -> Session:
    """A session on a study, by name, file, folder or as an object.

    Args:
        study: what `find_study` takes, or a study of this process.
        store: the folder; else `$QUADRAT_STORE`, else what the configuration says, else `./runs`.
        request: what is asked for.

    Raises:
        BadInput: for a study that does not exist, or a configuration that has to say where the store is and is wrong.
    """
    loaded = find_study(study) if isinstance(study, str) else Loaded(study, remember(study))
    session = Session(loaded, Store(store_path(store)), request or Request())
    if not store and not os.environ.get(STORE_VARIABLE) and (folder := session.settings.store_folder):
        session.store = Store(folder)
    return session


def store_path(given: str | Path | None) -> Path:
    """Where the store is, of whichever study: as given, else `$QUADRAT_STORE`, else here or in `./runs`."""
    here = "." if Layout(Path()).home.is_dir() and not Path("runs").is_dir() else "runs"
    return Path(given or os.environ.get(STORE_VARIABLE) or here)


def _one_choice(one: Override) -> str:
    """The override of a group of configuration files.

    Raises:
        BadInput: for more than one choice.
    """
    if one.values is None:  # quotes, as qd.open writes them, are no part of an option's name
        return f"{one.text.partition('=')[0]}={one.value}" if isinstance(one.value, str) else one.text
    raise BadInput(
        f"'{one.key}' is a group of configuration files, which gives one choice a request",
        where=f"command line: {one.text}",
        hint=f"run it once for each: {one.key}={one.values[0]}, then {one.key}={one.values[-1]}; one store keeps both",
    )


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "!=": lambda value, other: value != other,
    "<=": lambda value, other: value is not None and value <= other,
    ">=": lambda value, other: value is not None and value >= other,
    "<": lambda value, other: value is not None and value < other,
    ">": lambda value, other: value is not None and value > other,
    "=": lambda value, other: value == other,
}


def selection(names: Names, text: str, expansion: Expansion | None = None) -> tuple[str, Callable[[Any], bool], str]:
    """A selection as name, test and text: "seed=1,2", "dropout_prob>=0.1", "experiment!=noise".

    Raises:
        BadInput: for a name that does not exist, or a form that is none of these.
    """
    found = re.search("|".join(map(re.escape, _OPERATORS)), text)  # the leftmost; of two that begin there the longer
    operator = found[0] if found else None
    if operator is None:
        raise BadInput(f"'{text}' selects nothing", hint="write name=value, name=a,b, name!=a, name<a, name>=a")
    name, _, rest = text.partition(operator)
    parsed = parse_overrides([f"{name.strip()}={rest.strip()}"])[0]
    values = parsed.values if parsed.values is not None else (parsed.value,)
    compare = _OPERATORS[operator]
    if expansion is not None and not names.lookup(parsed.key) and parsed.key not in _labels(expansion):
        names.find(parsed.key, where=f"--where {text}")

    def test(value: Any) -> bool:
        try:
            hits = [compare(value, other) for other in values]
        except TypeError:
            raise BadInput(f"--where {text}: {value!r} and {rest!r} cannot be compared") from None
        return all(hits) if operator == "!=" else any(hits)

    return parsed.key, test, text


def _labels(expansion: Expansion) -> set[str]:
    spaces = [expansion.request.sweep, *expansion.request.spaces.values()]
    return {name for space in spaces for visit in space.visits() for name in visit.labels}


@contextmanager
def on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at every Ctrl-C (and SIGTERM) inside the block, in place of an exception."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop()

    before = {name: signal.signal(name, handle) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, old in before.items():
            signal.signal(name, old)


def in_memory(ref: StudyRef) -> bool:
    """Whether a study lives in this process only, so that no worker can load it."""
    return ref.kind == "memory"

"""Where the parts meet: a request becomes a configuration, a space, a plan, and is run.

The command line and the Python interface both go through here; nothing else joins the layers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from quadrat.config import Override, compose, is_group, parse_overrides
from quadrat.core.errors import BadInput, ConfigError, unknown
from quadrat.core.fingerprint import fingerprints
from quadrat.core.loading import Loaded, StudyRef, find_study, remember
from quadrat.core.names import Names
from quadrat.core.params import Invalid, Params, validate
from quadrat.core.resources import Resources
from quadrat.core.study import Study
from quadrat.plan.plan import RERUN_KINDS, Plan, TaskPlan, Wish, build_plan, needed_tasks
from quadrat.space.expand import Expansion
from quadrat.store.store import Store

STORE_VARIABLE = "QUADRAT_STORE"


class Settings(Params):
    """The library's own settings: keys of a configuration that are no parameters."""

    rerun: str | list[str] = "failed"
    """Which runs to run again: failed, outdated, all, none."""
    jobs: int | None = pydantic.Field(default=None, ge=1)
    """How many workers; the machine's cores where it is not said."""
    executor: str = "pool"
    """Where runs run: pool, or inline (in this process)."""
    durable: bool = False
    """Whether a commit also survives a power loss."""
    resources: dict[str, dict[str, Any]] = {}
    """Resources of tasks, in place of those declared: {train: {cpus: 2}}."""


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        overrides: "name=value" texts in Hydra's grammar.
        config_files: YAML files on top of the study's own configuration.
        only, to: names of tasks or parts.
        rerun: kinds of runs to run again; None leaves it to the configuration.
        where: selections such as "dropout_prob=0.1,0.5".
    """

    overrides: tuple[str, ...] = ()
    config_files: tuple[Path, ...] = ()
    only: str | None = None
    to: str | None = None
    rerun: tuple[str, ...] | None = None
    where: tuple[str, ...] = ()


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
    def _parsed(self) -> tuple[list[Override], list[str], dict[str, Any], dict[str, str]]:
        """Overrides of parameters, of config groups, and of the library's settings with where they were written."""
        overrides: list[Override] = []
        groups: list[str] = []
        own: dict[str, Any] = {}
        wheres: dict[str, str] = {}
        for one in parse_overrides(self.request.overrides):
            if one.key in Settings.model_fields and not self.names.lookup(one.key):
                own[one.key] = list(one.values) if one.values is not None else one.value
                wheres[one.key] = f"command line: {one.text}"
            elif one.values is None and self.conf_dir is not None and is_group(self.conf_dir, one.key):
                groups.append(one.text)
            else:
                overrides.append(one)
        return overrides, groups, own, wheres

    @cached_property
    def conf_dir(self) -> Path | None:
        """The study's folder of configuration, or None."""
        folder = self.study.file.parent / "conf" if self.study.file else None
        return folder if folder is not None and folder.is_dir() else None

    @cached_property
    def _configured(self) -> tuple[Expansion, Settings]:
        overrides, groups, own, wheres = self._parsed
        has_config = self.conf_dir is not None and (self.conf_dir / f"{self.study.config}.yaml").is_file()
        composed = compose(
            self.conf_dir, self.study.config if has_config else None, groups, list(self.request.config_files)
        )
        values = dict(composed.values)
        for name in Settings.model_fields:
            if name in values and not self.names.lookup(name):
                own.setdefault(name, values.pop(name))
                wheres.setdefault(name, composed.origin((name,)) or "")
        settings = _settings(own, wheres)
        return Expansion(self.study, self.names, values, composed.origin, overrides), settings

    @property
    def expansion(self) -> Expansion:
        """The request as points."""
        return self._configured[0]

    @property
    def settings(self) -> Settings:
        """The library's settings for this request."""
        return self._configured[1]

    @cached_property
    def wish(self) -> Wish:
        """What of the study is wanted."""
        rerun = self.request.rerun
        if rerun is None:
            told = self.settings.rerun
            rerun = (told,) if isinstance(told, str) else tuple(told)
        for kind in rerun:
            if kind not in RERUN_KINDS:
                raise unknown("kind of rerun", kind, RERUN_KINDS)
        kinds = frozenset(rerun) | ({"failed"} if "none" not in rerun else set())
        return Wish(
            only=None if self.request.only is None else tuple(self.study.select(self.request.only)),
            to=None if self.request.to is None else tuple(self.study.select(self.request.to)),
            rerun=kinds,
            where=tuple(selection(self.names, text, self.expansion) for text in self.request.where),
        )

    @cached_property
    def codes(self) -> dict[str, str]:
        """The fingerprint of each task's code."""
        return fingerprints(self.study)

    def plan(self, *, write_index: bool = False) -> Plan:
        """The plan of the request, against what the store holds now. Pure, but for the index where that is asked for."""
        self._apply_resources()
        tasks = needed_tasks(self.study, self.wish)
        points = self.expansion.points(tasks)
        plan = build_plan(
            self.study,
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

    def _apply_resources(self) -> None:
        for name, given in self.settings.resources.items():
            if name not in self.study.tasks:
                raise unknown("task", name, list(self.study.tasks), where="resources")
            task = self.study.tasks[name]
            fields = Resources.__dataclass_fields__
            for key in given:
                if key not in fields:
                    raise unknown("resource", key, list(fields), where=f"resources.{name}")
            merged = {key: getattr(task.resources, key) for key in fields} | given
            task.resources = Resources.of(**merged)

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
        store: the folder; else `$QUADRAT_STORE`, else `./runs`.
        request: what is asked for.
    """
    loaded = find_study(study) if isinstance(study, str) else Loaded(study, remember(study))
    return Session(loaded, Store(store_path(store)), request or Request())


def store_path(given: str | Path | None) -> Path:
    """Where the store is: as given, else `$QUADRAT_STORE`, else `./runs`."""
    return Path(given or os.environ.get(STORE_VARIABLE) or "runs")


def _settings(given: Mapping[str, Any], wheres: Mapping[str, str]) -> Settings:
    try:
        settings = validate(Settings, given)
    except Invalid as error:
        problem = error.problems[0]
        where = wheres.get(problem.path[0]) or None
        raise ConfigError(f"setting '{'.'.join(problem.path)}': {problem.message}", where=where) from None
    if settings.executor not in ("pool", "inline"):
        raise unknown("executor", settings.executor, ["pool", "inline"], where=wheres.get("executor") or None)
    return settings


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
    operator = next((one for one in _OPERATORS if one in text), None)
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

"""A request taken apart: which values hold for all points, which space is visited, what the settings are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quadrat.config import Override, has_interpolation, merge, references, resolve
from quadrat.core.blame import user_code
from quadrat.core.errors import BadInput, ConfigError, unknown
from quadrat.core.names import Found, Names
from quadrat.core.study import Study
from quadrat.core.trees import copied, put
from quadrat.space.algebra import Axis, Product, Space
from quadrat.space.settings import read_settings, settings_model
from quadrat.space.sweep import Origin, Path, sweep_space

RESERVED = ("sweep", "vars")


@dataclass
class Request:
    """What was asked for.

    Attributes:
        base: values for all points, by full name.
        wheres: where each of these, and each setting, was written.
        settings: the values of the study's settings.
        context: what `${…}` may refer to beside parameters: the configuration, with the settings' values.
        sweep: the points of the `sweep:` section and of the command line, for all tasks.
        spaces: the points that the study's own space function gives, by task.
        computed_at: file and line of that function.
    """

    base: dict[str, Any] = field(default_factory=dict)
    wheres: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    sweep: Space = field(default_factory=lambda: Product(()))
    spaces: dict[str, Space] = field(default_factory=dict)
    computed_at: str | None = None

    def where(self, name: str, value: Any) -> str | None:
        """Where it is written that a parameter has a value (or `ANY`)."""
        for space in (*self.spaces.values(), self.sweep):
            found = space.origin(name, value)
            if found:
                return found
        if name in self.wheres:
            return self.wheres[name]
        return self.computed_at if any(name in space.names() for space in self.spaces.values()) else None


def read_request(
    study: Study,
    names: Names,
    values: Mapping[str, Any],
    origin: Origin,
    overrides: Sequence[Override],
    also: Sequence[str] = (),
) -> Request:
    """Take a composed configuration and overrides apart.

    Args:
        study: the study.
        names: its resolver.
        values: the composed configuration, without the library's own settings; `${…}` still in it.
        origin: file and line of a key.
        overrides: from the command line, in their order.
        also: further keys that a configuration may have, for the error that names the nearest one.

    Raises:
        BadInput: for anything in it that cannot be.
    """
    reader = _Reader(study, names, origin, also)
    variables = [one for one in overrides if one.key.startswith("vars.")]
    settings = [one for one in overrides if reader.is_setting(one.key)]
    reader.configuration(_with_variables(values, variables))
    for one in settings:
        reader.setting(one)
    reader.call_space()
    for one in overrides:
        if one not in settings and one not in variables:
            reader.override(one)
    return reader.request


def _with_variables(values: Mapping[str, Any], overrides: Sequence[Override]) -> Mapping[str, Any]:
    """The configuration with other `vars:`."""
    if not overrides:
        return values
    changed: dict[str, Any] = copied(values)
    for one in overrides:
        put(changed, tuple(one.key.split(".")), list(one.values) if one.values is not None else one.value)
    return changed


class _Reader:
    def __init__(self, study: Study, names: Names, origin: Origin, also: Sequence[str]) -> None:
        self.request = Request()
        self._also = also
        self._study = study
        self._names = names
        self._origin = origin
        self._model = settings_model(study)
        self._setting_names = list(self._model.model_fields) if self._model else []
        self._said: dict[Path, str] = {}
        """The overrides of settings, and of what is in them, by the way to it."""

    def is_setting(self, key: str) -> bool:
        """Whether a bare name (or the beginning of a dotted one) is a setting: it goes before a parameter."""
        return key.partition(".")[0] in self._setting_names

    def configuration(self, values: Mapping[str, Any]) -> None:
        """Take the composed configuration."""
        self.request.context = {key: value for key, value in values.items() if key != "sweep"}
        if not isinstance(values.get("vars") or {}, Mapping):
            raise ConfigError(
                "'vars' is no mapping", where=self._origin(("vars",)), hint="write names and values below"
            )
        for key, value in values.items():
            if key not in RESERVED:
                self._assign((str(key),), value)
        if values.get("sweep") is not None:
            self.request.sweep = sweep_space(self._opened(values["sweep"], ("sweep",)), self._axis_name, self._origin)

    def _assign(self, path: Path, value: Any, task: str | None = None) -> None:
        """Take one key of the configuration: a setting, a task's section, or a parameter."""
        key = path[-1]
        where = self._origin(path)
        if task is None and key in self._setting_names:
            self.request.settings[key] = value
            self.request.wheres[key] = where or ""
        elif task is None and key in self._study.tasks and not self._names.lookup(key):
            if not isinstance(value, Mapping):
                raise ConfigError(
                    f"'{key}' is a task, not {value!r}", where=where, hint="write its parameters below it"
                )
            for inner, item in value.items():
                self._assign((*path, str(inner)), item, task=key)
        else:
            if task is not None and key == "sweep":
                raise ConfigError(
                    f"'{task}' has its own sweep", where=where, hint=f"write sweep: {{{task}: …}} instead"
                )
            self._set(self._find(f"{task}.{key}" if task else key, where).full, value, path)

    def _set(self, name: str, value: Any, path: Path) -> None:
        where = self._origin(path)
        if name in self.request.base:
            other = self.request.wheres.get(name)
            raise ConfigError(
                f"'{name}' is set twice, by two of its names",
                where=where,
                hint=f"the other one is at {other}" if other else "write it once",
            )
        self.request.base[name] = value
        self._note(name, value, path)

    def _note(self, name: str, value: Any, path: Path) -> None:
        """Remember where a value and everything in it are written."""
        where = self._origin(path)
        if where:
            self.request.wheres[name] = where
        inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
        for key, item in inner:
            self._note(f"{name}.{key}", item, (*path, str(key)))

    def _find(self, name: str, where: str | None) -> Found:
        if name in self._study.tasks and not self._names.lookup(name):
            known = ", ".join(f"{name}.{one}" for one in self._study.tasks[name].fields) or "it has no parameters"
            raise ConfigError(f"'{name}' is a task, no parameter", where=where, hint=f"its parameters: {known}")
        return self._names.find(
            name, where=where, also=[*self._setting_names, *self._study.tasks, *RESERVED, *self._also]
        )

    def _axis_name(self, name: str, where: str | None) -> str:
        if self.is_setting(name) and not self._names.lookup(name):
            raise ConfigError(
                f"'{name}' is a setting, which is no axis", where=where, hint=f"write {name}: outside of sweep:"
            )
        return self._find(name, where).full

    def _opened(self, section: Any, path: Path) -> Any:
        """The section with `${vars.…}` as what it stands for, so that it may stand for a list of values."""
        if isinstance(section, Mapping):
            return {key: self._opened(item, (*path, str(key))) for key, item in section.items()}
        if isinstance(section, list):
            return [self._opened(item, (*path, str(place))) for place, item in enumerate(section)]
        if has_interpolation(section) and not any(self._names.lookup(name) for name in references(section)):
            return resolve(section, self.request.context, self._origin(path))
        return section

    def setting(self, one: Override) -> None:
        """Take an override of a setting, or of something inside it."""
        name, *inner = one.key.split(".")
        settings = self.request.settings
        if one.delete or not inner:
            self._said = {path: text for path, text in self._said.items() if path[0] != name}
        if one.delete:
            settings.pop(name, None)
            return
        value = list(one.values) if one.values is not None else one.value
        if inner:
            settings[name] = merge({}, settings.get(name) or {})
            put(settings, (name, *inner), value)
        else:
            settings[name] = value
        self.request.wheres[name] = self._said[name, *inner] = f"command line: {one.text}"

    def _place(self, path: Path) -> str | None:
        """Where a setting, or what is at a path in one, is written; of what is unknown there what it is in."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._said:
                return self._said[path[:length]]
        return self._origin(path)

    def _told(self, where: str | None) -> str | None:
        """A way into a setting, as a space function says where it has found a mistake, with the file and line of it."""
        steps = tuple(re.findall(r"[^.\[\]]+", where or ""))
        if not steps or steps[0] not in self._setting_names or ":" in (where or ""):
            return where
        way = steps[0] + "".join(f"[{step}]" if step.isdecimal() else f".{step}" for step in steps[1:])
        return f"{self._place(steps) or self.request.computed_at}: {way}"

    def call_space(self) -> None:
        """Compute the points of the study's own space function."""
        function = self._study.space_function
        if self._model is None or function is None:
            return
        request = self.request
        given = {
            name: resolve(value, request.context, request.wheres.get(name)) for name, value in request.settings.items()
        }
        request.settings = read_settings(self._model, given, self._place)
        request.context = {**request.context, **request.settings}
        request.computed_at = f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
        try:
            with user_code(f"the space of study '{self._study.name}'"):
                spaces = function(**request.settings)
        except BadInput as error:
            error.where = self._told(error.where)
            raise
        if not isinstance(spaces, Mapping):
            raise BadInput(f"the space is {spaces!r}", where=request.computed_at, hint="return {task: qd.grid(…)}")
        for task, space in spaces.items():
            if task not in self._study.tasks:
                raise unknown("task", task, list(self._study.tasks), where=request.computed_at)
            if not isinstance(space, Space):
                kind = type(space).__name__
                hint = "make it of qd.grid(…), qd.points(…)"
                raise BadInput(f"the space of task '{task}' is a {kind}", where=request.computed_at, hint=hint)
            request.spaces[task] = space.renamed(lambda name, task=task: self._own_name(name, task))  # type: ignore[misc]
        self._check_shared()

    def _own_name(self, name: str, task: str) -> str:
        found = self._names.find(name, task=task, where=self.request.computed_at)
        if task not in found.param.tasks:
            raise BadInput(
                f"the space of task '{task}' sets '{found.full}', which is no parameter of it",
                where=self.request.computed_at,
                hint=f"put it into the space of '{found.param.tasks[0]}'",
            )
        return found.full

    def _check_shared(self) -> None:
        """A parameter that several tasks share is set for all of them or for none."""
        shared = [param for param in self._names if len(param.tasks) > 1]
        if not shared:
            return
        held = {task: space.names() for task, space in self.request.spaces.items()}
        for param in shared:
            having = [task for task in param.tasks if param.key in held.get(task, ())]
            missing = sorted(set(param.tasks) - set(having))
            if having and missing:
                raise BadInput(
                    f"'{param.key}' is shared by the tasks {', '.join(param.tasks)}, "
                    f"but the space sets it for {', '.join(having)} only",
                    where=self.request.computed_at,
                    hint=f"set it for {', '.join(missing)} too",
                )

    def override(self, one: Override) -> None:
        """Take an override of a parameter: a value for all points, or an axis."""
        request = self.request
        where = f"command line: {one.text}"
        name = self._find(one.key, where).full
        if one.delete:
            is_taken = self._change(lambda space: space.without(name), where)
            if request.base.pop(name, ...) is ... and not is_taken:
                raise ConfigError(f"'{name}' is not set, so it cannot be taken away", where=where)
            return
        values = one.values if one.values is not None else (one.value,)
        new = Axis(name, values, (where,) * len(values))
        is_replaced = self._change(lambda space: space.replaced(new), where)
        if not is_replaced and one.values is not None:
            request.sweep = request.sweep * new
        elif not is_replaced:
            request.base[name] = one.value
            request.wheres = {key: old for key, old in request.wheres.items() if not key.startswith(f"{name}.")}
            request.wheres[name] = where

    def _change(self, change: Callable[[Space], tuple[Space, bool]], where: str) -> bool:
        """Change the spaces; whether one of them had what was to be changed."""
        request = self.request
        try:
            request.sweep, is_found = change(request.sweep)
            for task, space in request.spaces.items():
                request.spaces[task], is_here = change(space)
                is_found = is_found or is_here
        except BadInput as error:
            error.where = where
            raise
        return is_found

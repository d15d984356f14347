"""Configuration to points: for each task the own points of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from quadrat.config import Override, has_interpolation, references, resolve
from quadrat.core.errors import BadInput, ConfigError, nearest, unknown
from quadrat.core.names import Names
from quadrat.core.params import Invalid, followed
from quadrat.core.points import Draft, Reference, TaskPoints
from quadrat.core.study import Study
from quadrat.core.task import Point, Task
from quadrat.space.algebra import Axis, Product, Space
from quadrat.space.settings import read_settings, settings_model
from quadrat.space.sweep import factors, override_axis, sweep_space, tidy_floats

Origin = Callable[[tuple[str, ...]], str | None]
Path = tuple[str, ...]


@dataclass
class Request:
    """What was asked for, taken apart: values for all points, the space, settings, and where each was written."""

    base: dict[str, Any] = field(default_factory=dict)
    wheres: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    sweep: Space = field(default_factory=lambda: Product(()))
    spaces: dict[str, Space] = field(default_factory=dict)


class Expansion:
    """The points of a study's tasks for one configuration.

    Args:
        study: the study.
        names: its resolver.
        values: the composed configuration, without the library's own settings; `${…}` still in it.
        origin: file and line of a key.
        overrides: from the command line, in their order.

    Raises:
        BadInput: for anything in it that cannot be.
    """

    def __init__(
        self, study: Study, names: Names, values: Mapping[str, Any], origin: Origin, overrides: Sequence[Override]
    ) -> None:
        self.study = study
        self.names = names
        self._model = settings_model(study)
        self._context = {key: value for key, value in values.items() if key != "sweep"}
        self.request = Request(variables=dict(values.get("vars") or {}))
        for key, value in values.items():
            if key not in ("sweep", "vars"):
                self._assign((str(key),), value, origin)
        if values.get("sweep") is not None:
            self.request.sweep = sweep_space(values["sweep"], names, origin)
        setting_overrides = [one for one in overrides if self._model and one.key in self._model.model_fields]
        for one in setting_overrides:
            self.request.settings[one.key] = list(one.values) if one.values is not None else one.value
            self.request.wheres[one.key] = f"command line: {one.text}"
        self._call_space()
        for one in overrides:
            if one not in setting_overrides:
                self._override(one)

    def _assign(self, path: Path, value: Any, origin: Origin, task: str | None = None) -> None:
        """Take one key of the configuration: a setting, a task's section, or a parameter."""
        key = path[-1]
        where = origin(path)
        if self._model and len(path) == 1 and key in self._model.model_fields:
            self.request.settings[key] = value
            self.request.wheres[key] = where or ""
            return
        if task is None and key in self.study.tasks and isinstance(value, Mapping) and not self.names.lookup(key):
            for inner, item in value.items():
                self._assign((*path, str(inner)), item, origin, task=key)
            return
        name = f"{task}.{key}" if task else key
        found = self.names.find(name, where=where)
        self._set(found.full, value, where)

    def _set(self, name: str, value: Any, where: str | None) -> None:
        self.request.base[name] = value
        if where:
            self.request.wheres[name] = where

    def _call_space(self) -> None:
        if self._model is None or self.study.space_function is None:
            return
        given = {name: resolve(value, self._context, None) for name, value in self.request.settings.items()}
        self.request.settings = read_settings(self._model, given, self.request.wheres)
        self._context = {**self._context, **self.request.settings}
        spaces = self.study.space_function(**self.request.settings)
        for task, space in spaces.items():
            if task not in self.study.tasks:
                raise unknown("task", task, list(self.study.tasks), where=f"the space of study '{self.study.name}'")
            if not isinstance(space, Space):
                raise BadInput(f"the space of task '{task}' is {type(space).__name__}", hint="make it of qd.grid(…)")
            self.request.spaces[task] = _renamed(space, lambda name, task=task: self.names.find(name, task=task).full)
        self._check_shared()

    def _check_shared(self) -> None:
        """A parameter that several tasks share is set for all of them or for none."""
        if not any(len(param.tasks) > 1 for param in self.names):
            return
        held = {task: _names_in(space) for task, space in self.request.spaces.items()}
        for param in self.names:
            having = [task for task in param.tasks if param.key in held.get(task, ())]
            missing = sorted(set(param.tasks) - set(having))
            if having and missing:
                raise BadInput(
                    f"'{param.key}' is shared by the tasks {', '.join(param.tasks)}, "
                    f"but the space sets it for {', '.join(having)} only",
                    hint=f"set it for {', '.join(missing)} too",
                )

    def _override(self, one: Override) -> None:
        where = f"command line: {one.text}"
        found = self.names.find(one.key, where=where)
        if one.delete:
            self.request.sweep = _without(self.request.sweep, found.full)
            self.request.base.pop(found.full, None)
            return
        new = Axis(found.full, tuple(tidy_floats(list(one.values))) if one.values is not None else (one.value,))
        self.request.wheres[found.full] = where
        self.request.sweep, replaced = override_axis(self.request.sweep, new)
        for task, space in self.request.spaces.items():
            self.request.spaces[task], here = override_axis(space, new)
            replaced = replaced or here
        if replaced:
            return
        if one.values is not None:
            self.request.sweep = self.request.sweep * new
        else:
            self._set(found.full, one.value, where)

    def points(self, tasks: Iterable[Task]) -> dict[str, TaskPoints]:
        """The own points of these tasks."""
        shared = factors(self.request.sweep)
        return {task.name: self._task_points(task, shared) for task in tasks}

    def _task_points(self, task: Task, shared: Sequence[Space]) -> TaskPoints:
        keys = {self.names.own(task.name, name).key: name for name in task.fields}
        sources: list[list[_Row]] = []
        for place, factor in enumerate(shared):
            rows = self._project(factor, place, task, keys)
            if rows is not None:
                sources.append(rows)
        if task.name in self.request.spaces:
            space = self.request.spaces[task.name]
            sources.append([_Row(_by_field(visit.values, keys), visit.labels) for visit in space.visits()])
        base = _by_field({name: value for name, value in self.request.base.items()}, keys)
        maker = _PointMaker(self, task, base)
        table = TaskPoints([], [])
        known: dict[bytes, int] = {}
        for row_number, combination in enumerate(product(*sources)):
            values = [row.values for row in combination]
            point = maker.make(values)
            code = point.identity() if isinstance(point, Point) else b"%d" % row_number
            if code not in known:
                known[code] = len(table.points)
                table.points.append(point)
            table.rows.append(known[code])
            for row in combination:
                for name, value in row.columns.items():
                    column = table.columns.setdefault(name, [None] * row_number)
                    column.extend([None] * (row_number - len(column)))
                    if len(column) > row_number:
                        raise BadInput(f"two factors of task '{task.name}' both give the label '{name}'")
                    column.append(value)
        for column in table.columns.values():
            column.extend([None] * (len(table.rows) - len(column)))
        return table

    def _project(self, factor: Space, place: int, task: Task, keys: Mapping[str, str]) -> list[_Row] | None:
        """What a factor of the sweep says of a task: rows, or None where it says nothing.

        A factor that assigns point by point to several tasks ties their rows together by the number of the point.
        """
        touched = _names_in(factor)
        owners = {one for name in touched for one in self.names.find(name).param.tasks}
        if task.name not in owners:
            return None
        tie = len(owners) > 1 and not isinstance(factor, Axis)
        rows: list[_Row] = []
        for number, visit in enumerate(factor.visits()):
            rows.append(_Row(_by_field(visit.values, keys), {**visit.labels, **({f"#{place}": number} if tie else {})}))
        return rows

    def context(self) -> dict[str, Any]:
        """What `${…}` may refer to beside parameters: the configuration and the settings."""
        return self._context


@dataclass(frozen=True)
class _Row:
    values: dict[Path, Any]
    columns: dict[str, Any]


class _PointMaker:
    """Makes the points of one task from the values that apply to them."""

    def __init__(self, expansion: Expansion, task: Task, base: dict[Path, Any]) -> None:
        self._expansion = expansion
        self._task = task
        self._base = base
        self._follows = {name: to for model in task.param_models for name, to in followed(model).items()}
        self._plain = not self._follows and not any(has_interpolation(value) for value in base.values())

    def make(self, parts: Sequence[Mapping[Path, Any]]) -> Point | Draft:
        raw: dict[str, Any] = {}
        plain = self._plain
        for values in (self._base, *parts):
            for path, value in values.items():
                plain = plain and not (isinstance(value, str | Mapping | list) and has_interpolation(value))
                _merge(raw, path, value)
        if plain:
            return self.finish(raw)
        return self._draft(raw)

    def _draft(self, raw: dict[str, Any]) -> Point | Draft:
        waiting: dict[Path, Reference] = {}
        for name, other in self._follows.items():
            if name not in raw:
                found = self._expansion.names.find(other, where=self._task.where)
                waiting[name,] = Reference((found.full,), lambda values, full=found.full: values[full])
        for path, leaf in list(_leaves(raw, ())):
            if has_interpolation(leaf):
                reference = self._reference(path, leaf, raw)
                if reference is not None:
                    waiting[path] = reference
        if not waiting:
            return self.finish(raw)
        return Draft(raw, waiting, self.finish)

    def _reference(self, path: Path, leaf: Any, raw: dict[str, Any]) -> Reference | None:
        """Resolve what can be now; what depends on parameters of upstreams becomes a reference."""
        names = self._expansion.names
        where = self._where(path)
        later: dict[str, str] = {}
        context = _deep(self._expansion.context())
        for name in references(leaf):
            found = names.lookup(name, task=self._task.name)
            if len(found) == 1 and self._task.name in found[0].param.tasks:
                _put(context, name, self._own(found[0].param.field, found[0].path, raw, where))
            elif len(found) == 1:
                later[name] = found[0].full
        if later:

            def value(values: Mapping[str, Any]) -> Any:
                filled = _deep(context)
                for name, full in later.items():
                    _put(filled, name, values[full])
                return resolve(leaf, filled, where)

            return Reference(tuple(later.values()), value)
        place = raw
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = resolve(leaf, context, where)
        return None

    def _own(self, name: str, path: Path, raw: Mapping[str, Any], where: str | None) -> Any:
        """The value of an own parameter that another one refers to."""
        value = raw[name] if name in raw else self._task.fields[name][1].get_default(call_default_factory=True)
        for step in path:
            value = value[step] if isinstance(value, Mapping) else getattr(value, step)
        if has_interpolation(value):
            raise ConfigError(f"'{name}' is itself made of others", where=where, hint="refer to what it refers to")
        return value

    def finish(self, raw: Mapping[str, Any]) -> Point:
        """The point; an error names file and key."""
        try:
            return self._task.point(raw)
        except Invalid as error:
            problem = error.problems[0]
            path = problem.path
            name = ".".join(path) if path else self._task.name
            hint = None
            if problem.message == "there is no such field":
                hint = self._near(path)
            if problem.message == "field required":
                hint = f"it has no default: write {name}=… or set it in the configuration"
            more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
            raise ConfigError(
                f"parameter '{self._task.name}.{name}': {problem.message}{more}", where=self._where(path), hint=hint
            ) from None

    def _near(self, path: Path) -> str | None:
        known = {".".join(full) for full in self._known_paths() if len(full) == len(path)}
        near = nearest(".".join(path), known) or nearest(path[-1], {name.rpartition(".")[2] for name in known})
        return f"did you mean '{near}'?" if near else None

    def _known_paths(self) -> Iterable[Path]:
        from quadrat.core.names import nested

        for name, (_, info) in self._task.fields.items():
            yield (name,)
            for path in nested(info.annotation):
                yield (name, *path)

    def _where(self, path: Path) -> str | None:
        wheres = self._expansion.request.wheres
        if not path or path[0] not in self._task.fields:
            return None
        key = self._expansion.names.own(self._task.name, path[0]).key
        for length in range(len(path), 0, -1):
            full = ".".join((key, *path[1:length]))
            if full in wheres:
                return wheres[full]
        return None


def _by_field(values: Mapping[str, Any], keys: Mapping[str, str]) -> dict[Path, Any]:
    """The values that are a task's own, under the paths of its fields; keys are full names."""
    found: dict[Path, Any] = {}
    for name, value in values.items():
        if name in keys:
            found[keys[name],] = value
            continue
        for key, field_name in keys.items():
            if name.startswith(f"{key}."):
                found[field_name, *name[len(key) + 1 :].split(".")] = value
    return found


def _names_in(space: Space) -> set[str]:
    if isinstance(space, Axis):
        return {space.name}
    if isinstance(space, Product):
        return {name for part in space.parts for name in _names_in(part)}
    return {name for visit in space.visits() for name in visit.values}


def _without(space: Space, name: str) -> Space:
    return Product(tuple(factor for factor in factors(space) if not (isinstance(factor, Axis) and factor.name == name)))


def _renamed(space: Space, full: Callable[[str], str]) -> Space:
    """The space with the full names of what it assigns."""
    from quadrat.space.algebra import Filtered, Labels, Points, Union

    if isinstance(space, Axis):
        return Axis(full(space.name), space.values)
    if isinstance(space, Points):
        cache: dict[str, str] = {}
        for row in space.rows:
            for name in row:
                if name not in cache:
                    cache[name] = full(name)
        return Points(tuple({cache[name]: value for name, value in row.items()} for row in space.rows))
    if isinstance(space, Product | Union):
        return type(space)(tuple(_renamed(part, full) for part in space.parts))
    if isinstance(space, Filtered):
        # The test was written for the names as the study wrote them: apply it before they change.
        return Union(
            tuple(
                Product(
                    (
                        Points(({full(name): value for name, value in visit.values.items()},)),
                        Labels(tuple(visit.labels.items())),
                    )
                )
                for visit in space.visits()
            )
        )
    return space


def _merge(raw: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value at a path; a mapping is merged into a mapping."""
    place = raw
    for step in path[:-1]:
        inner = place.get(step)
        if not isinstance(inner, dict):
            inner = {}
            place[step] = inner
        place = inner
    last = path[-1]
    if isinstance(value, Mapping):
        target = place.get(last)
        if not isinstance(target, dict):
            target = {}
        place[last] = target
        for key, item in value.items():
            _merge(target, (str(key),), item)
    else:
        place[last] = value


def _leaves(value: Any, path: Path) -> Iterable[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for key, item in list(value.items()):
            yield from _leaves(item, (*path, str(key)))
    else:
        yield path, value


def _deep(value: Any) -> Any:
    return {key: _deep(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _put(context: dict[str, Any], dotted: str, value: Any) -> None:
    *steps, last = dotted.split(".")
    place = context
    for step in steps:
        inner = place.get(step)
        if not isinstance(inner, dict):
            inner = {}
            place[step] = inner
        place = inner
    place[last] = value

"""Make the points of one task from the values that apply to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quadrat.config import has_interpolation, references, resolve
from quadrat.core.annotations import is_open, may_be, variants
from quadrat.core.errors import BadInput, ConfigError, nearest
from quadrat.core.names import Found, Names
from quadrat.core.params import Invalid, followed
from quadrat.core.points import Draft, Reference
from quadrat.core.problems import MISSING, UNKNOWN, Problem
from quadrat.core.result import File
from quadrat.core.task import Point, Task
from quadrat.core.trees import Path, at_path, copied, leaves, put
from quadrat.space.algebra import ANY
from quadrat.space.request import Request
from quadrat.space.variants import Parts, completed

Values = Mapping[Path, Any]


class PointMaker:
    """Makes the points of one task.

    Args:
        names: the study's resolver.
        request: the request that the values are from.
        task: the task.
        base: what holds for all its points, by path.
    """

    def __init__(self, names: Names, request: Request, task: Task, base: Values) -> None:
        self._names = names
        self._request = request
        self._task = task
        self._base = base
        self._follows = {name: to for model in task.param_models for name, to in followed(model).items()}
        self._files = [name for name, (_, info) in task.fields.items() if may_be(info.annotation, File)]
        self._trees = {name for name, (_, info) in task.fields.items() if _is_tree(info.annotation)}
        self._is_plain = not self._follows and not any(has_interpolation(value) for value in base.values())
        self._homeless: set[Path] = set()
        self._housed: set[Path] = set()

    def make(self, parts: Sequence[Values]) -> Point | Draft:
        """A point from the values of some sources, on top of those for all points; later ones win."""
        raw: dict[str, Any] = {}
        trees = Parts() if self._trees else None
        plain = self._is_plain
        for source, values in enumerate((self._base, *parts)):
            for path, value in values.items():
                plain = plain and not (isinstance(value, str | Mapping | list) and has_interpolation(value))
                put(raw, path, value)
                if trees is not None and path[0] in self._trees:
                    for inner, _ in leaves(value, path):
                        trees.note(inner, source)
        if trees is not None:
            self._complete(raw, trees)
        return self.finish(raw) if plain else self._draft(raw)

    def check(self) -> None:
        """All points are made.

        Raises:
            BadInput: where something was set for a variant that none of them has.
        """
        for path in sorted(self._homeless - self._housed):
            name = ".".join((self._names.own(self._task.name, path[0]).key, *path[1:]))
            raise BadInput(f"'{name}' is set, but nothing here has it", where=self._where(path, None))

    def _complete(self, raw: dict[str, Any], trees: Parts) -> None:
        for name in self._trees & raw.keys():
            if isinstance(raw[name], Mapping):
                info = self._task.fields[name][1]
                default = info.get_default(call_default_factory=True)
                raw[name] = completed(info.annotation, default, raw[name], (name,), trees)
        self._homeless |= trees.homeless
        self._housed |= trees.sources.keys() - trees.homeless

    def _draft(self, raw: dict[str, Any]) -> Point | Draft:
        waiting: dict[Path, Reference] = {}
        for name, other in self._follows.items():
            if name not in raw:
                waiting[name,] = _follow(self._names.find(other, where=self._task.where).full, self._task.where)
        rest = {path: leaf for path, leaf in leaves(raw) if has_interpolation(leaf)}
        while rest:
            # What refers to another one that is still to be resolved comes after it.
            ready = {path: leaf for path, leaf in rest.items() if not self._refers(leaf, rest)}
            for path, leaf in ready.items():
                reference = self._reference(path, leaf, raw, waiting)
                if reference is not None:
                    waiting[path] = reference
                del rest[path]
            if not ready:
                path, leaf = next(iter(rest.items()))
                raise ConfigError(f"'{leaf}' refers to itself in the end", where=self._where(path, leaf))
        return Draft(raw, waiting, self.finish) if waiting else self.finish(raw)

    def _refers(self, leaf: Any, paths: Iterable[Path]) -> Path | None:
        """The first of these own paths that a value refers to (or to something in it, or around it)."""
        for name in references(leaf):
            found = self._referred(name)
            if found is not None and self._task.name in found.param.tasks:
                own = (found.param.field, *found.path)
                for path in paths:
                    if path[: len(own)] == own or own[: len(path)] == path:
                        return path
        return None

    def _reference(
        self, path: Path, leaf: Any, raw: dict[str, Any], waiting: Mapping[Path, Reference]
    ) -> Reference | None:
        """Resolve what can be now; what depends on parameters of upstreams becomes a reference."""
        where = self._where(path, leaf)
        blocked = self._refers(leaf, waiting)
        if blocked is not None:
            raise ConfigError(
                f"'{leaf}' refers to '{'.'.join(blocked)}', which itself waits for another task's parameters",
                where=where,
                hint="refer to what that one refers to",
            )
        later: dict[str, str] = {}
        context = copied(self._request.context)
        for name in references(leaf):
            found = self._referred(name)
            if found is not None and self._task.name in found.param.tasks:
                put(context, tuple(name.split(".")), self._own(found, raw))
            elif found is not None:
                later[name] = found.full
        if later:

            def value(values: Mapping[str, Any]) -> Any:
                filled = copied(context)
                for name, full in later.items():
                    put(filled, tuple(name.split(".")), values[full])
                return resolve(leaf, filled, where)

            return Reference(tuple(later.values()), value, where)
        put(raw, path, resolve(leaf, context, where))
        return None

    def _referred(self, name: str) -> Found | None:
        """The parameter that `${name}` means; None where it is a setting or a plain key of the configuration."""
        if name.partition(".")[0] in self._request.settings:
            return None
        found = self._names.lookup(name, task=self._task.name)
        return found[0] if len(found) == 1 else None

    def _own(self, found: Found, raw: Mapping[str, Any]) -> Any:
        """The value of an own parameter that another one refers to."""
        name = found.param.field
        value = raw[name] if name in raw else self._task.fields[name][1].get_default(call_default_factory=True)
        return at_path(value, found.path)

    def finish(self, raw: Mapping[str, Any]) -> Point:
        """The point from complete raw values.

        Raises:
            ConfigError: naming file and key where they do not fit.
        """
        try:
            point = self._task.point(raw)
            for name in self._files:
                path = point.get(name)
                if isinstance(path, File) and not path.exists():
                    raise Invalid([Problem((name,), f"there is no file '{path}'")])
            return point
        except Invalid as error:
            problem = error.problems[0]
            name = ".".join((self._task.name, *problem.path))
            hint = None
            if problem.message == UNKNOWN:
                hint = self._near(problem.path)
            elif problem.message == MISSING:
                hint = f"it has no default: write {name}=… or set it in the configuration"
            more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
            where = self._where(problem.path, _at(raw, problem.path))
            raise ConfigError(f"parameter '{name}': {problem.message}{more}", where=where, hint=hint) from None

    def _near(self, path: Path) -> str | None:
        name = ".".join(path)
        known = self._task.known_names()
        if name in known:
            return f"another form of '{'.'.join(path[:-1])}' has it: say which form is meant"
        near = nearest(name, [one for one in known if one.count(".") == len(path) - 1])
        return f"did you mean '{near}'?" if near else None

    def _where(self, path: Path, value: Any) -> str | None:
        """Where the value at a path is written: it, or the tree that it is in."""
        if not path or path[0] not in self._task.fields:
            return None
        key = self._names.own(self._task.name, path[0]).key
        for length in range(len(path), 0, -1):
            full = ".".join((key, *path[1:length]))
            where = self._request.where(full, value if length == len(path) else ANY)
            if where:
                return where
        return None


def _is_tree(annotation: Any) -> bool:
    return bool(variants(annotation)) or is_open(annotation)


def _follow(full: str, where: str) -> Reference:
    return Reference((full,), lambda values: values[full], where)


def _at(raw: Any, path: Path) -> Any:
    """What lies at a path, or `ANY` where nothing does."""
    for step in path:
        raw = raw.get(step, ANY) if isinstance(raw, Mapping) else ANY
    return raw

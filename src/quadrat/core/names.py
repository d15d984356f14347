"""One resolver of names: of parameters, labels and settings, for YAML, command line, gathers, tables and templates."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import pydantic

from quadrat.core.annotations import annotation_at, is_open, nested, variants
from quadrat.core.errors import BadInput, unknown
from quadrat.core.markers import OffId
from quadrat.core.params import Params, marker
from quadrat.core.study import Study
from quadrat.core.trees import flatten

__all__ = ["Found", "Names", "Param", "declaring_class", "flatten", "variants"]


@dataclass(frozen=True)
class Param:
    """A parameter of a study: a field of the class that declares it, shared by every task that inherits it.

    Attributes:
        key: unique in the study, and its full name: "seed" where several tasks share it, else "task.field".
        field: the name of the field.
        tasks: the tasks whose own parameter it is.
    """

    key: str
    field: str
    owner: type[Params]
    tasks: tuple[str, ...]
    info: pydantic.fields.FieldInfo

    @property
    def off_id(self) -> bool:
        """Whether it changes no result, and so is in no id."""
        return marker(self.info, OffId) is not None


@dataclass(frozen=True)
class Found:
    """What a name stands for: a parameter, and the way into it where it is a tree."""

    param: Param
    path: tuple[str, ...] = ()

    @property
    def full(self) -> str:
        """The full dotted name."""
        return ".".join((self.param.key, *self.path))


class Names:
    """All parameters of a study by name. A bare name or a dotted suffix is enough where exactly one matches.

    A bare name that one parameter has, and fields inside the trees of others too, is that of the parameter.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        found: dict[tuple[type, str], tuple[pydantic.fields.FieldInfo, list[str]]] = {}
        for task in study.order:
            for name, (model, info) in task.fields.items():
                owner = declaring_class(model, name)
                found.setdefault((owner, name), (info, []))[1].append(task.name)
        shared = [name for (_, name), (_, tasks) in found.items() if len(tasks) > 1]
        self.params: list[Param] = []
        self._own: dict[tuple[str, str], Param] = {}
        for (owner, name), (info, tasks) in found.items():
            if len(tasks) == 1:
                key = f"{tasks[0]}.{name}"
            else:
                key = name if shared.count(name) == 1 else f"{owner.__name__}.{name}"
            param = Param(key, name, owner, tuple(tasks), info)
            self.params.append(param)
            self._own |= {(task, name): param for task in tasks}

    def own(self, task: str, field: str) -> Param:
        """The parameter that a task's own field is."""
        return self._own[task, field]

    @cached_property
    def _suffixes(self) -> dict[tuple[str, ...], list[Found]]:
        """Every dotted suffix of every full name, with what it may stand for."""
        table: dict[tuple[str, ...], list[Found]] = {}
        for param in self.params:
            for path in [(), *nested(param.info.annotation)]:
                found = Found(param, path)
                names = {(*path[place:],) for place in range(len(path))} | {(param.field, *path)}
                names |= {(task, param.field, *path) for task in param.tasks}
                names |= {(*param.key.split("."), *path)}
                for name in names:
                    table.setdefault(name, []).append(found)
        return table

    def find(self, name: str, *, where: str | None = None, task: str | None = None, also: Iterable[str] = ()) -> Found:
        """The parameter that a name stands for.

        Args:
            name: bare, a dotted suffix, or full.
            where: file and line of the name, for errors.
            task: look among its own parameters first.
            also: what else could have been meant where the name is unknown.

        Raises:
            BadInput: for a name that nothing or more than one thing has.
        """
        found = self.lookup(name, task=task)
        if len(found) == 1:
            one = found[0]
            first = name.split(".", maxsplit=1)[0]
            if len(one.param.tasks) > 1 and first in one.param.tasks and first != one.param.field:
                raise BadInput(
                    f"'{name}' is shared by the tasks {', '.join(one.param.tasks)} and cannot be set for one of them",
                    where=where,
                    hint=f"write '{one.full}'",
                )
            return one
        if found:
            listed = ", ".join(sorted(one.full for one in found))
            raise BadInput(f"'{name}' is ambiguous", where=where, hint=f"write one of: {listed}")
        raise unknown("parameter", name, [*self.known(), *also], where=where)

    def lookup(self, name: str, *, task: str | None = None) -> list[Found]:
        """Everything that a name may stand for."""
        parts = tuple(name.split("."))
        if task is not None and (task, parts[0]) in self._own:
            return [Found(self._own[task, parts[0]], parts[1:])]
        found = self._suffixes.get(parts, [])
        if found:
            return _outermost(found) if len(parts) == 1 else found
        # A path into a free tree (a mapping that no class describes) is known by the parameter that it starts in.
        for length in range(len(parts) - 1, 0, -1):
            heads = [
                one
                for one in self._suffixes.get(parts[:length], [])
                if is_open(annotation_at(one.param.info.annotation, one.path))
            ]
            if heads:
                return [Found(one.param, (*one.path, *parts[length:])) for one in heads]
        return []

    def known(self) -> list[str]:
        """The names that may be used: bare where that is enough, and full."""
        bare = [name for name in map(".".join, self._suffixes) if len(self.lookup(name)) == 1]
        return sorted({*bare, *(param.key for param in self.params)})

    def display(self, keys: Iterable[str]) -> dict[str, str]:
        """For each key of `keys` the shortest name that is unambiguous among them."""
        keys = list(dict.fromkeys(keys))
        fields = {param.key: param.field for param in self.params}
        bare = [fields.get(key, key) for key in keys]
        return {key: short if bare.count(short) == 1 else key for key, short in zip(keys, bare, strict=True)}

    def __iter__(self) -> Iterator[Param]:
        """All parameters, tasks in their order."""
        return iter(self.params)


def _outermost(found: list[Found]) -> list[Found]:
    """The one parameter among what a bare name may stand for; all of it where there is none, or more than one."""
    whole = [one for one in found if not one.path]
    return whole if len(whole) == 1 else found


def declaring_class(model: type[Params], name: str) -> type[Params]:
    """The class that declares a field: the nearest one up the inheritance whose own body has it."""
    return next(base for base in model.__mro__ if name in inspect.get_annotations(base))

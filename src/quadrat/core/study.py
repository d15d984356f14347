"""A study: a graph of typed tasks, the space that they are swept over, and the names of their views."""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, overload

from quadrat.core.annotations import has_path
from quadrat.core.errors import BadInput, DeclarationError, unknown
from quadrat.core.resources import Resources, parse_duration
from quadrat.core.task import FAILURE_KINDS, Batched, Policy, Task, read_signature

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class View:
    """Human-readable names for the runs of a task: links to one artifact of each."""

    task: str
    template: str
    artifact: str


@dataclass(frozen=True)
class Section:
    """A section of the report: artifacts of a task's runs under a title."""

    title: str
    task: str
    artifacts: tuple[str, ...]
    text: str = ""


class Study:
    """A graph of tasks. Declare it at the top of a file, then decorate functions with `@study.task`.

    Args:
        name: what the study is called; part of every id.
        preload: modules that workers should have imported before their first run ("torch").
        config: name of the configuration file in the study's `conf` folder, without `.yaml`.
        project_config: a YAML file of the study's users, such as "config/experiments.yaml", or several, looked for in
            the folder in which they work: those that are there go on top of the study's own configuration, in order.
        settings_as: names by which the study's users know settings of Quadrat: {"store_root": "store"}.
        targets_as: the setting of the study's space function that takes the names of files which are asked for
            (`quadrat make FILE`, `snakemake FILE`): it may add to the sweep what makes them.

    Raises:
        DeclarationError: for a name that is no plain word, a project's file that is not below the working folder.
    """

    def __init__(
        self,
        name: str,
        *,
        preload: Sequence[str] = (),
        config: str = "config",
        project_config: str | Sequence[str] = (),
        settings_as: Mapping[str, str] | None = None,
        targets_as: str | None = None,
    ) -> None:
        if not name.replace("-", "_").isidentifier():
            raise DeclarationError(f"'{name}' is no name for a study", hint="letters, digits, - and _")
        own = [project_config] if isinstance(project_config, str) else project_config
        for one in own:
            if Path(one).is_absolute():
                raise DeclarationError(
                    f"project_config='{one}' is one file for everybody", hint="a path from the working folder"
                )
        self.name = name
        self.preload = tuple(preload)
        self.config = config
        self.project_config = tuple(map(Path, own))
        self.settings_as = dict(settings_as or {})
        self.targets_as = targets_as
        self.tasks: dict[str, Task] = {}
        self.parts: dict[str, tuple[str, ...]] = {}
        self.views: list[View] = []
        self.sections: list[Section] = []
        self.space_function: Callable[..., Mapping[str, Any]] | None = None
        caller = sys._getframe(1)
        self.module = str(caller.f_globals.get("__name__", "__main__"))
        file = caller.f_globals.get("__file__")
        self.file = Path(file).resolve() if file else None

    def __repr__(self) -> str:
        """Name and tasks."""
        return f"Study({self.name!r}, tasks={list(self.tasks)})"

    @overload
    def task(self, function: F, /) -> F: ...
    @overload
    def task(
        self,
        function: None = None,
        /,
        *,
        name: str | None = None,
        version: int = 1,
        extends: str | None = None,
        cpus: int = 1,
        gpus: float = 0,
        memory: str | int | None = None,
        walltime: str | float | None = None,
        timeout: str | float | None = None,
        retries: int | Mapping[str, int] = 0,
        rule: str | None = None,
    ) -> Callable[[F], F]: ...
    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        version: int = 1,
        extends: str | None = None,
        cpus: int = 1,
        gpus: float = 0,
        memory: str | int | None = None,
        walltime: str | float | None = None,
        timeout: str | float | None = None,
        retries: int | Mapping[str, int] = 0,
        rule: str | None = None,
    ) -> Any:
        """Make a function a task of the study; the function itself is returned unchanged.

        Args:
            function: the function, where the decorator stands without parentheses.
            name: the task's name where it is not the function's.
            version: raise it when the code changes what comes out: ids change with it.
            extends: a parameter (say "epochs") whose larger values continue runs with smaller ones.
            cpus: cores of a run, and its number of threads.
            gpus: devices of a run, or a share of one.
            memory: such as "2GB".
            walltime: such as "1h": what a scheduler is asked for.
            timeout: such as "10m": after it a run is stopped and has failed.
            retries: further tries, for every kind of failure or by kind: {"killed": 2, "timeout": 1}.
            rule: what the task is called in a Snakefile, where that is not its name: "train_model".

        Raises:
            DeclarationError: for a name twice, a type that cannot be, resources that make no sense.
        """
        frame = sys._getframe(1)
        if function is not None:
            self._add(function, None, 1, None, Resources(), Policy(), None, frame)
            return function
        if rule is not None and not rule.isidentifier():
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            raise DeclarationError(f"'{rule}' is no name for a rule", where=where, hint="letters, digits and _")
        try:
            resources = Resources.of(cpus, gpus, memory, walltime)
            policy = Policy(_retries(retries), None if timeout is None else parse_duration(timeout))
        except BadInput as error:
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            raise DeclarationError(error.message, where=where, hint=error.hint) from None

        def decorate(function: F) -> F:
            self._add(function, name, version, extends, resources, policy, rule, sys._getframe(1))
            return function

        return decorate

    def _add(
        self,
        function: Callable[..., Any],
        name: str | None,
        version: int,
        extends: str | None,
        resources: Resources,
        policy: Policy,
        rule: str | None,
        frame: FrameType,
    ) -> None:
        name = name or function.__name__
        if name in self.tasks:
            raise DeclarationError(
                f"two tasks of study '{self.name}' are called '{name}'",
                where=f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}",
                hint=f"the other one is at {self.tasks[name].where}",
            )
        local_names = frame.f_locals if frame.f_locals is not frame.f_globals else {}
        signature = read_signature(function, name, local_names)
        self.tasks[name] = Task(self.name, name, function, signature, version, extends, resources, policy, rule=rule)

    def batch(
        self, task: Callable[..., Any], *, varies: Sequence[str], limit: int = 64
    ) -> Callable[[Callable[..., Iterator[Any]]], Callable[..., Iterator[Any]]]:
        """Give a task a form that computes several runs in one call.

        The function takes lists where the task takes its params and its run, the same upstreams, and yields
        `(run, result)` or `(run, qd.Failed(...))` one by one; each is committed as it comes.

        Args:
            task: the task's function.
            varies: the own parameters in which the runs of one call may differ.
            limit: the most runs of one call.
        """
        of = self._task_of(task)

        def decorate(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
            for name in varies:
                first, *path = name.split(".")
                if first not in of.fields or not has_path(of.fields[first][1].annotation, tuple(path)):
                    raise unknown("parameter", name, of.known_names(), where=of.where)
            expected = set(of.signature.models) | {one.name for one in of.inputs}
            given = set(inspect.signature(function).parameters) - {"runs"}
            if given != expected or of.signature.plain:
                raise DeclarationError(
                    f"the batched form of '{of.name}' takes {sorted(given)}, its task {sorted(expected)}",
                    where=f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}",
                    hint="lists of the same Params classes, the same upstreams, and `runs: list[qd.Run]`",
                )
            of.batched = Batched(function, tuple(varies), limit)
            return function

        return decorate

    def space(self, function: F) -> F:
        """Compute the points of the tasks: a function from typed settings to {task: space}."""
        self.space_function = function
        return function

    def view(self, task: Callable[..., Any], template: str, artifact: str) -> None:
        """Give the runs of a task readable names: hard links to one artifact, under the store's folder.

        Args:
            task: the task's function.
            template: such as "models/{model_name}/{seed:04d}_{id:.12}.pt".
            artifact: the field of the result that is linked.
        """
        of = self._task_of(task)
        artifacts = of.artifacts
        if of.signature.result is not None and artifact not in artifacts:
            raise unknown("artifact", artifact, list(artifacts), where=of.where)
        if template.startswith(("/", ".quadrat")) or ".." in Path(template).parts:
            raise DeclarationError(f"view '{template}' would lie outside the store", where=of.where)
        self.views.append(View(of.name, template, artifact))

    def section(self, title: str, task: Callable[..., Any], *artifacts: str, text: str = "") -> None:
        """Give the report (`quadrat report`) a section: artifacts of the runs of a task, in the order of declaration.

        What an artifact becomes follows from its file: an image (png, jpg, webp, svg) is a figure, with the docstring
        of its field as the caption; `.csv` is a table; `.md` is prose; a folder is the images in it.

        Args:
            title: the heading.
            task: the task's function.
            artifacts: fields of the task's result, in the order in which they are shown.
            text: a line or two below the heading.

        Raises:
            DeclarationError: for a function that is no task, an artifact that the task does not give, no artifact, or
                no title.
        """
        of = self._task_of(task)
        caller = sys._getframe(1)
        where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        if not title.strip():
            raise DeclarationError(f"a section on '{of.name}' has no title", where=where)
        if not artifacts:
            hint = f"artifacts of {of.name}: {', '.join(of.artifacts) or 'none'}"
            raise DeclarationError(f"section '{title}' shows no artifact", where=where, hint=hint)
        for name in artifacts:
            if of.signature.result is not None and name not in of.artifacts:
                error = unknown("artifact", name, list(of.artifacts), where=where)
                raise DeclarationError(f"{error.message} of '{of.name}'", where=where, hint=error.hint)
        self.sections.append(Section(title.strip(), of.name, artifacts, text))

    def check(self, task: Callable[..., Any]) -> Callable[[F], F]:
        """Give a task a check that is made before anything runs or is written.

        The function takes what the task takes of params, and raises `qd.BadInput` where a run cannot work: data that is
        missing, a library that is not installed. It is called once for each distinct point that is to be run.
        """
        of = self._task_of(task)

        def decorate(function: F) -> F:
            of.check = function
            return function

        return decorate

    def part(self, name: str, *tasks: Callable[..., Any]) -> None:
        """Give a set of tasks (or none) a further name that `--only` and `--to` take."""
        self.parts[name] = tuple(self._task_of(task).name for task in tasks)

    def _task_of(self, function: Callable[..., Any]) -> Task:
        for task in self.tasks.values():
            if task.function is function:
                return task
        raise DeclarationError(
            f"{getattr(function, '__name__', function)} is no task of study '{self.name}'", hint="decorate it first"
        )

    @functools.cached_property
    def order(self) -> list[Task]:
        """The tasks, each after the ones that it reads.

        Raises:
            DeclarationError: for an upstream that does not exist, or a cycle (which is shown).
        """
        ordered: dict[str, Task] = {}
        path: list[str] = []

        def visit(name: str) -> None:
            if name in ordered:
                return
            if name in path:
                circle = " → ".join([*path[path.index(name) :], name])
                raise DeclarationError(f"the tasks of study '{self.name}' go in a circle: {circle}")
            path.append(name)
            for one in self.tasks[name].inputs:
                if one.name not in self.tasks:
                    error = unknown("task", one.name, list(self.tasks), where=self.tasks[name].where)
                    raise DeclarationError(f"{error.message}, which '{name}' reads", where=error.where, hint=error.hint)
                visit(one.name)
            path.pop()
            ordered[name] = self.tasks[name]

        for name in self.tasks:
            visit(name)
        return list(ordered.values())

    def select(self, name: str) -> list[str]:
        """The tasks that a task's or a part's name stands for."""
        if name in self.parts:
            return list(self.parts[name])
        if name in self.tasks:
            return [name]
        raise unknown("task", name, [*self.tasks, *self.parts])

    def with_tasks(self, tasks: Mapping[str, Task]) -> Study:
        """The same study with other tasks of the same names: other resources, say."""
        changed = copy.copy(self)
        changed.tasks = dict(tasks)
        changed.__dict__.pop("order", None)
        return changed

    def upstreams(self, names: Sequence[str]) -> set[str]:
        """The tasks and everything that they read, directly or not."""
        found: set[str] = set()
        rest = list(names)
        while rest:
            name = rest.pop()
            if name not in found:
                found.add(name)
                rest.extend(one.name for one in self.tasks[name].inputs)
        return found


def _retries(retries: int | Mapping[str, int]) -> dict[str, int]:
    if isinstance(retries, int):
        return dict.fromkeys(FAILURE_KINDS, retries) if retries else {}
    for kind in retries:
        if kind not in FAILURE_KINDS:
            raise unknown("kind of failure", kind, FAILURE_KINDS)
    return dict(retries)

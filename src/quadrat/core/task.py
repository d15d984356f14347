"""A task: a typed function, and what its signature says of the graph."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pydantic
import pydantic_core

from quadrat.core.annotations import nested
from quadrat.core.errors import DeclarationError
from quadrat.core.identity import digest, encode, hash_inputs, run_prefix
from quadrat.core.markers import By, Missing, Over, When
from quadrat.core.params import Params, identity_without, params_from_signature, validate
from quadrat.core.resources import Resources
from quadrat.core.result import Done, File, Many, Result, is_mark, is_params, result_columns
from quadrat.core.run import Run


@dataclass(frozen=True)
class Input:
    """An upstream argument: one run (`done`) or a group of them (`many`). Its name is the upstream task."""

    name: str
    many: bool
    when: When | None = None
    gather: Over | By | None = None

    @property
    def missing(self) -> Missing:
        """What happens about members that failed."""
        return self.gather.missing if self.gather else "fail"


@dataclass(frozen=True)
class Batched:
    """The batched form of a task: which of its params may vary in one call, and how many runs it takes."""

    function: Callable[..., Any]
    varies: tuple[str, ...]
    limit: int


@dataclass(frozen=True)
class Signature:
    """The arguments of a task's function, sorted into what they are."""

    models: dict[str, type[Params]]
    """Arguments that are Params classes."""
    plain: type[Params] | None
    """One class made of the arguments that are plain parameters."""
    inputs: tuple[Input, ...]
    run: str | None
    result: type[Result] | None


@dataclass(frozen=True)
class Policy:
    """How often and how long a run is tried.

    `retries` counts further tries by kind of failure: error, timeout, killed, memory.
    """

    retries: Mapping[str, int] = field(default_factory=dict)
    timeout: float | None = None


FAILURE_KINDS = ("error", "timeout", "killed", "memory")


@dataclass
class Task:
    """One task of a study. Made by `@study.task`; the function itself stays as it was."""

    study: str
    name: str
    function: Callable[..., Any]
    signature: Signature
    version: int = 1
    extends: str | None = None
    resources: Resources = Resources()
    policy: Policy = Policy()
    batched: Batched | None = None
    check: Callable[..., Any] | None = None
    rule: str | None = None

    def __post_init__(self) -> None:
        try:
            self.metrics, self.artifacts = result_columns(self.signature.result)
        except DeclarationError as error:
            error.where = self.where
            raise
        self.fields: dict[str, tuple[type[Params], pydantic.fields.FieldInfo]] = {}
        for model in self.param_models:
            for name, info in model.model_fields.items():
                if name in self.fields:
                    raise DeclarationError(
                        f"parameter '{name}' is in two classes of task '{self.name}'",
                        where=self.where,
                        hint=f"{self.fields[name][0].__name__} and {model.__name__}: rename one",
                    )
                self.fields[name] = (model, info)
        if self.extends is not None and self.extends not in self.fields:
            raise DeclarationError(
                f"task '{self.name}' extends '{self.extends}', which is none of its own parameters", where=self.where
            )

    @property
    def param_models(self) -> list[type[Params]]:
        """The classes whose fields are the task's own parameters."""
        plain = [self.signature.plain] if self.signature.plain else []
        return [*self.signature.models.values(), *plain]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The upstream arguments in the order of the signature."""
        return self.signature.inputs

    @property
    def where(self) -> str:
        """File and line of the function."""
        code = getattr(self.function, "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else self.name

    @property
    def temps(self) -> list[str]:
        """The artifacts that go when their last reader is done."""
        from quadrat.core.result import Temp

        return [name for name, kind in self.artifacts.items() if issubclass(kind, Temp)]

    @property
    def marks(self) -> list[str]:
        """The metrics that say whether a run's numbers count."""
        model = self.signature.result
        return [name for name, info in model.model_fields.items() if is_mark(info)] if model else []

    @property
    def id_prefix(self) -> bytes:
        """What the hash of each of its runs begins with: study, name, version, names of upstream arguments."""
        return run_prefix(self.study, self.name, self.version) + hash_inputs([one.name for one in self.sorted_inputs])

    @property
    def sorted_inputs(self) -> list[Input]:
        """The upstream arguments in the order in which their ids enter the hash."""
        return sorted(self.inputs, key=lambda one: one.name)

    def known_names(self) -> list[str]:
        """The names of its own parameters, and of the fields inside them."""
        return [
            ".".join((name, *path))
            for name, (_, info) in self.fields.items()
            for path in [(), *nested(info.annotation)]
        ]

    def point(self, raw: Mapping[str, Any]) -> Point:
        """The own params of a run from raw values by field; raises `Invalid` where they do not fit."""
        models = []
        for model in self.param_models:
            models.append(validate(model, {name: raw[name] for name in model.model_fields if name in raw}))
        return Point(tuple(models))

    def arguments(self, point: Point) -> dict[str, Any]:
        """The function's arguments that are params, for a call."""
        found: dict[str, Any] = dict(zip(self.signature.models, point.models, strict=False))
        if self.signature.plain:
            plain = point.models[-1]
            found |= {name: getattr(plain, name) for name in self.signature.plain.model_fields}
        return found


@dataclass(frozen=True)
class Point:
    """The own params of a run: an instance of each class that the task takes."""

    models: tuple[Params, ...]

    def values(self) -> dict[str, Any]:
        """Every field's value by name."""
        return {name: getattr(model, name) for model in self.models for name in type(model).model_fields}

    def get(self, name: str) -> Any:
        """One field's value."""
        return next(getattr(model, name) for model in self.models if name in type(model).model_fields)

    def to_json(self) -> bytes:
        """All fields as JSON: what `Task.point` makes the same point of in another process."""
        values: dict[str, Any] = {}
        for model in self.models:
            values |= model.model_dump(mode="json")
        return pydantic_core.to_json(values, inf_nan_mode="constants")

    def identity(self, without: frozenset[str] = frozenset()) -> bytes:
        """H(params): the hash of all fields that enter the id; `without` some, dotted inside trees, for groups."""
        paths = [tuple(name.split(".")) for name in without]
        shown: dict[str, Any] = {}
        for model in self.models:
            shown |= identity_without(model, paths)
        return digest(encode(shown))


def read_signature(function: Callable[..., Any], name: str, local_names: Mapping[str, Any]) -> Signature:
    """Sort a function's arguments into params, upstreams, the run handle and plain parameters.

    Raises:
        DeclarationError: for a type that does not resolve or an argument that cannot be.
    """
    code = getattr(function, "__code__", None)
    where = f"{code.co_filename}:{code.co_firstlineno}" if code else name
    try:
        hints = typing.get_type_hints(function, localns=dict(local_names), include_extras=True)
    except NameError as error:
        raise DeclarationError(f"a type in the signature of '{name}' does not resolve: {error}", where=where) from None
    models: dict[str, type[Params]] = {}
    inputs: list[Input] = []
    plain: dict[str, Any] = {}
    run: str | None = None
    for argument, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DeclarationError(f"task '{name}' takes *{argument}", where=where, hint="name every argument")
        hint = hints.get(argument)
        bare, marks = _bare(hint)
        if bare is Run:
            run = argument
        elif is_params(bare):
            models[argument] = bare
        elif (upstream := _upstream(argument, bare, marks, where)) is not None:
            inputs.append(upstream)
        else:
            default = ... if parameter.default is parameter.empty else parameter.default
            plain[argument] = (Any if hint is None else hint, default)
    try:
        made = params_from_signature(name, function.__module__, plain) if plain else None
    except pydantic.PydanticUserError as error:
        raise DeclarationError(f"a parameter of task '{name}' has a type that cannot be", where=where) from error
    result, _ = _bare(hints.get("return"))
    if isinstance(result, type) and issubclass(result, File):
        raise DeclarationError(f"task '{name}' returns a bare file", where=where, hint="return a qd.Result with it")
    kind = result if isinstance(result, type) and issubclass(result, Result) else None
    return Signature(models, made, tuple(inputs), run, kind)


def _bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    if typing.get_origin(hint) is typing.Annotated:
        bare, *marks = typing.get_args(hint)
        return bare, tuple(marks)
    return hint, ()


def _upstream(argument: str, bare: Any, marks: tuple[Any, ...], where: str) -> Input | None:
    """The upstream that an argument names, or None where it is a plain parameter."""
    optional = [part for part in typing.get_args(bare) if part is not type(None)]
    if type(None) in typing.get_args(bare) and len(optional) == 1:
        bare = optional[0]
    kind = typing.get_origin(bare) or bare
    if kind is Done:
        return Input(argument, many=False, when=next((mark for mark in marks if isinstance(mark, When)), None))
    if kind is Many:
        gather = next((mark for mark in marks if isinstance(mark, Over | By)), None)
        if gather is None:
            raise DeclarationError(
                f"argument '{argument}' gathers runs but does not say over what",
                where=where,
                hint=f'write {argument}: Annotated[qd.Many[…], qd.over("seed")]',
            )
        return Input(argument, many=True, gather=gather)
    return None

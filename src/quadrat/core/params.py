"""Parameters: typed, frozen, validated strictly, and hashed as what they are."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import pydantic
import pydantic_core

from quadrat.core.identity import hash_value
from quadrat.core.markers import Follow, Neutral, OffId, Was

M = TypeVar("M")


class Params(pydantic.BaseModel):
    """Base of a task's parameters: frozen, no extra fields, every field with its type (and its default in the id).

    A docstring below a field, or `pydantic.Field(description=…)`, is its label in tables and figures.
    """

    model_config = pydantic.ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=True,
        protected_namespaces=(),
    )

    def __quadrat_identity__(self) -> dict[str, Any]:
        """What enters the id: every field, but those that are marked as leaving it alone."""
        shown: dict[str, Any] = {}
        for name, key, neutral in identity_fields(type(self)):
            value = getattr(self, name)
            if neutral is None or hash_value(value) != neutral:
                shown[key] = value
        return shown


@cache
def identity_fields(model: type[Params]) -> tuple[tuple[str, str, bytes | None], ...]:
    """For each field that enters the id: its name, the name the id knows it by, and the hash of its neutral value."""
    fields = []
    for name, field in model.model_fields.items():
        marks = {type(mark): mark for mark in field.metadata}
        if OffId in marks:
            continue
        old, neutral = marks.get(Was), marks.get(Neutral)
        fields.append((name, old.old if old else name, hash_value(neutral.value) if neutral else None))
    return tuple(fields)


def marker(field: pydantic.fields.FieldInfo, kind: type[M]) -> M | None:
    """The marker of this kind on a field, or None."""
    return next((mark for mark in field.metadata if isinstance(mark, kind)), None)


def followed(model: type[Params]) -> dict[str, str]:
    """The fields of a model that follow another parameter, with the name that they follow."""
    found = ((name, marker(field, Follow)) for name, field in model.model_fields.items())
    return {name: mark.name for name, mark in found if mark}


def is_open(annotation: Any) -> bool:
    """Whether a type is a free tree: a mapping whose keys no class describes."""
    if annotation is Any:
        return True
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Annotated or origin in (typing.Union, types.UnionType):
        return any(is_open(part) for part in typing.get_args(annotation))
    return isinstance(origin, type) and issubclass(origin, Mapping)


class Problem:
    """One thing that is wrong with a mapping of raw values: where it is in it, and what was expected."""

    __slots__ = ("message", "path", "value")

    def __init__(self, path: tuple[str, ...], message: str, value: Any) -> None:
        self.path = path
        self.message = message
        self.value = value


class Invalid(ValueError):
    """Raw values that do not make a model; `problems` says why, one by one."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{'.'.join(p.path)}: {p.message}" for p in problems))
        self.problems = problems


def validate(model: type[M], raw: Mapping[str, Any]) -> M:
    """A model from raw values, strictly: True is not 1 and "1" is not 1, but 1.0 is an int where one is wanted.

    Raises:
        Invalid: with every problem in it.
    """
    return _validator(model)(raw)


@cache
def _validator(model: type[M]) -> Callable[[Mapping[str, Any]], M]:
    adapter = pydantic.TypeAdapter(model)

    def check(raw: Mapping[str, Any]) -> M:
        text = pydantic_core.to_json(raw, inf_nan_mode="constants")
        if b"NaN" in text or b"-0.0" in text:
            raw = _plain(raw, ())
            text = pydantic_core.to_json(raw, inf_nan_mode="constants")
        try:
            return adapter.validate_json(text, strict=True)
        except pydantic.ValidationError as error:
            mended = _whole_floats(raw, error)
            if mended is None:
                raise _invalid(error) from None
        try:
            return adapter.validate_json(pydantic_core.to_json(mended, inf_nan_mode="constants"), strict=True)
        except pydantic.ValidationError as error:
            raise _invalid(error) from None

    return check


def _plain(value: Any, path: tuple[str, ...]) -> Any:
    """The value without negative zeros; refuses NaN."""
    if isinstance(value, float):
        if value != value:
            raise Invalid([Problem(path, "NaN is not a parameter", value)])
        return value + 0.0
    if isinstance(value, Mapping):
        return {key: _plain(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, str(place))) for place, item in enumerate(value)]
    return value


def _whole_floats(raw: Mapping[str, Any], error: pydantic.ValidationError) -> Any | None:
    """The raw values with 1.0 as 1 wherever an int was wanted; None where that is not what was wrong."""
    details = error.errors(include_url=False, include_context=False)
    wanted = [
        tuple(part for part in detail["loc"])
        for detail in details
        if detail["type"].startswith("int_") and isinstance(detail["input"], float) and detail["input"].is_integer()
    ]
    if not wanted:
        return None
    mended = _plain(raw, ())
    for path in wanted:
        place = mended
        # A discriminated union puts its tag into the path: steps that are not in the value are not steps into it.
        steps = list(path)
        for step in steps[:-1]:
            if (isinstance(place, dict) and step in place) or (isinstance(place, list) and isinstance(step, int)):
                place = place[step]
        last = steps[-1]
        if isinstance(place, dict | list) and isinstance(_item(place, last), float):
            place[last] = int(_item(place, last))
    return mended


def _item(place: Any, step: Any) -> Any:
    try:
        return place[step]
    except (KeyError, IndexError, TypeError):
        return None


def _invalid(error: pydantic.ValidationError) -> Invalid:
    problems = []
    for detail in error.errors(include_url=False):
        path = tuple(str(part) for part in detail["loc"])
        value = detail["input"]
        message = detail["msg"][0].lower() + detail["msg"][1:]
        if detail["type"] == "extra_forbidden":
            message = "there is no such field"
        elif detail["type"] != "missing":
            message = f"{message.removeprefix('input ')}, not {value!r} ({type(value).__name__})"
        problems.append(Problem(path, message, value))
    return Invalid(problems)

"""Parameters: typed, frozen, validated strictly, and hashed as what they are."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import pydantic
import pydantic_core

from quadrat.core.blame import running_line
from quadrat.core.errors import DeclarationError
from quadrat.core.identity import hash_value
from quadrat.core.markers import Follow, Neutral, OffId, Was
from quadrat.core.problems import Problem, problems, way
from quadrat.core.trees import as_mapping, leaves

M = TypeVar("M", bound=pydantic.BaseModel)
T = TypeVar("T")


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

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        """Check the defaults where they are declared.

        Raises:
            DeclarationError: for a default that does not fit its own type.
        """
        try:
            cls.__pydantic_validator__.validate_json("{}", strict=True)
        except pydantic.ValidationError as error:
            if any(detail["type"] != "missing" for detail in error.errors(include_url=False, include_context=False)):
                _spell_defaults(cls)
        except pydantic.PydanticUserError:
            return  # a type that is declared further down: pydantic completes the class later

    def __quadrat_identity__(self) -> dict[str, Any]:
        """What enters the id: every field, but those that are marked as leaving it alone."""
        shown: dict[str, Any] = {}
        for name, key, neutral in identity_fields(type(self)):
            value = getattr(self, name)
            if neutral is None or hash_value(value) != neutral:
                shown[key] = value
        return shown


class _FromSignature(Params):
    # No class statement was written, so there is none to look for docstrings in: pydantic would search the whole stack
    # of calls and every loaded module for it, which takes longer than all the rest of declaring a task.
    model_config = pydantic.ConfigDict(use_attribute_docstrings=False)


def params_from_signature(name: str, module: str, fields: Mapping[str, tuple[Any, Any]]) -> type[Params]:
    """A class of parameters from plain arguments.

    Args:
        name: the name of the class.
        module: the name of the module where the arguments are declared.
        fields: type and default (`...`: none) of each argument.

    Raises:
        DeclarationError: for a default that does not fit its own type.
        pydantic.PydanticUserError: for a type that pydantic cannot validate.
    """
    return pydantic.create_model(name, __base__=_FromSignature, __module__=module, **dict[str, Any](fields))


def _spell_defaults(model: type[Params]) -> None:
    """Put in the defaults as what they are: 1.0 for an int, and those that are not what JSON would give (a path)."""
    for name, field in model.model_fields.items():
        if field.default is pydantic_core.PydanticUndefined:
            continue
        bare = copy.copy(field)
        bare.default = pydantic_core.PydanticUndefined
        typed: Any = (field.annotation, bare)
        try:
            one = validate(pydantic.create_model(model.__name__, value=typed), {"value": field.default})
        except Invalid as error:
            raise DeclarationError(
                f"the default of '{model.__name__}.{name}' {error.problems[0].message}",
                where=running_line(model.__module__),
            ) from None
        field.default = getattr(one, "value")  # noqa: B009 - a field that no checker knows
        field.validate_default = False
    model.model_rebuild(force=True)


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


def identity_without(value: Params, paths: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """What enters the id of a model, without what lies at some paths; where nothing lies there, nothing is left out."""
    shown = value.__quadrat_identity__()
    if not paths:
        return shown
    for name, key, _ in identity_fields(type(value)):
        inner = [path[1:] for path in paths if path[0] == name]
        if () in inner:
            shown.pop(key, None)
        elif inner and key in shown:
            shown[key] = _tree_without(getattr(value, name), inner)
    return shown


def _tree_without(value: Any, paths: Sequence[tuple[str, ...]]) -> Any:
    if isinstance(value, Params):
        return identity_without(value, paths)
    if not isinstance(value, Mapping):
        return value
    shown = {}
    for key, item in value.items():
        inner = [path[1:] for path in paths if path[0] == key]
        if () not in inner:
            shown[key] = _tree_without(item, inner) if inner else item
    return shown


def marker(field: pydantic.fields.FieldInfo, kind: type[T]) -> T | None:
    """The marker of this kind on a field, or None."""
    return next((mark for mark in field.metadata if isinstance(mark, kind)), None)


def followed(model: type[Params]) -> dict[str, str]:
    """The fields of a model that follow another parameter, with the name that they follow."""
    found = ((name, marker(field, Follow)) for name, field in model.model_fields.items())
    return {name: mark.name for name, mark in found if mark}


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
    adapter: pydantic.TypeAdapter[M] = _adapter(model)
    text = _json(raw)
    if b"NaN" in text or b"-0.0" in text:
        text = _json(_tidied(raw, ()))
    try:
        return adapter.validate_json(text, strict=True)
    except pydantic.ValidationError as error:
        mended = _whole_floats(text, error)
        if mended is None:
            raise Invalid(problems(error, pydantic_core.from_json(text))) from None
    try:
        return adapter.validate_json(_json(mended), strict=True)
    except pydantic.ValidationError as error:
        raise Invalid(problems(error, mended)) from None


@cache
def _adapter(model: type[pydantic.BaseModel]) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(model)


def _json(raw: Any) -> bytes:
    """The values as JSON, which knows no difference between a list and a tuple, or a model and a mapping."""
    try:
        return pydantic_core.to_json(raw, inf_nan_mode="constants")
    except (pydantic_core.PydanticSerializationError, ValueError) as error:
        bad = next((one for one in leaves(raw) if not _can_be_json(one[1])), ((), raw))
        kind = type(bad[1]).__name__
        raise Invalid([Problem(bad[0], f"a value of type {kind} cannot be a parameter")]) from error


def _can_be_json(value: Any) -> bool:
    try:
        pydantic_core.to_json(value)
    except (pydantic_core.PydanticSerializationError, ValueError):
        return False
    return True


def _tidied(value: Any, path: tuple[str, ...]) -> Any:
    """The values without negative zeros; refuses NaN."""
    value = as_mapping(value)
    if isinstance(value, float):
        if math.isnan(value):
            raise Invalid([Problem(path, "NaN is not a parameter")])
        return value + 0.0
    if isinstance(value, Mapping):
        return {key: _tidied(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tidied(item, (*path, str(place))) for place, item in enumerate(value)]
    return value


def _whole_floats(text: bytes, error: pydantic.ValidationError) -> Any | None:
    """The values with 1.0 as 1 wherever an int was wanted; None where that is not what was wrong."""
    details = error.errors(include_url=False, include_context=False)
    wanted = [
        detail["loc"]
        for detail in details
        if detail["type"].startswith("int_") and isinstance(detail["input"], float) and detail["input"].is_integer()
    ]
    if not wanted:
        return None
    mended = pydantic_core.from_json(text)
    for location in wanted:
        place = mended
        *steps, last = way(location, mended)[0]
        for step in steps:
            place = place[int(step) if isinstance(place, list) else step]
        key = int(last) if isinstance(place, list) else last
        place[key] = int(place[key])
    return mended

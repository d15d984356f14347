"""What a type allows: which model classes it may be, which fields lie inside it, whether it is a free tree."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

import pydantic


def is_open(annotation: Any) -> bool:
    """Whether a type is a free tree: a mapping whose keys no class describes."""
    if annotation is Any:
        return True
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Annotated or origin in (typing.Union, types.UnionType):
        return any(is_open(part) for part in typing.get_args(annotation))
    return isinstance(origin, type) and issubclass(origin, Mapping)


def may_be(annotation: Any, *kinds: type) -> bool:
    """Whether a value of this type may be one of these kinds."""
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Annotated or origin in (typing.Union, types.UnionType):
        return any(may_be(part, *kinds) for part in typing.get_args(annotation))
    return isinstance(origin, type) and issubclass(origin, kinds)


def annotation_at(annotation: Any, path: tuple[str, ...]) -> Any:
    """The type at a path inside a parameter's type; Any where no class describes it."""
    for step in path:
        for model in variants(annotation):
            if step in model.model_fields:
                annotation = model.model_fields[step].annotation
                break
        else:
            return Any
    return annotation


def variants(annotation: Any) -> list[type[pydantic.BaseModel]]:
    """The model classes that a type may be."""
    if typing.get_origin(annotation) is typing.Annotated:
        return variants(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [model for part in typing.get_args(annotation) for model in variants(part)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel) else []


def literals(model: type[pydantic.BaseModel], name: str) -> tuple[Any, ...]:
    """The values that a field may have, where it is a `Literal`; none where it is not, or does not exist."""
    info = model.model_fields.get(name)
    if info is None or typing.get_origin(info.annotation) is not typing.Literal:
        return ()
    return typing.get_args(info.annotation)


def nested(annotation: Any, depth: int = 6) -> list[tuple[str, ...]]:
    """The paths of all fields inside a parameter that is a model or a union of models."""
    paths: dict[tuple[str, ...], None] = {}
    if depth:
        for model in variants(annotation):
            for name, info in model.model_fields.items():
                paths |= dict.fromkeys([(name,), *((name, *rest) for rest in nested(info.annotation, depth - 1))])
    return list(paths)


def has_path(annotation: Any, path: tuple[str, ...]) -> bool:
    """Whether something can lie at a path inside a parameter of this type."""
    known = {(), *nested(annotation)}
    heads = (path[:length] for length in range(len(path)))
    return path in known or any(head in known and is_open(annotation_at(annotation, head)) for head in heads)

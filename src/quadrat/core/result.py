"""What a run gives: metrics and artifacts; and what a task sees of the runs before it."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PosixPath
from typing import Any, Generic, TypeVar, overload

import pydantic
import pydantic_core

from quadrat.core.errors import DeclarationError
from quadrat.core.markers import Valid
from quadrat.core.params import Params

P = TypeVar("P")
R = TypeVar("R")

Scalar = bool | int | float | str | None


class File(PosixPath):
    """A file (or folder). Of a run: an artifact, kept with it. As a parameter: the user's own, known by its content."""

    def __quadrat_identity__(self) -> dict[str, str]:
        from quadrat.core.content import content_digest

        return {"file": content_digest(self)}

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: pydantic.GetCoreSchemaHandler
    ) -> pydantic_core.CoreSchema:
        """Accept a path or its text, give it out as this type, write it as text."""
        schema = pydantic_core.core_schema
        return schema.no_info_plain_validator_function(
            lambda value: value if type(value) is cls else cls(value),
            serialization=schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )


class Temp(File):
    """An artifact that goes when its last reader is done. The run stays finished."""


class Folder(File):
    """An artifact that is a folder. Snakemake does not take it for an output: give it a file beside it."""


class Links(Folder):
    """An artifact that is a folder of symbolic links: to files of runs before it, or to data that lie elsewhere.

    Nothing is copied, and nothing of what they lead to belongs to the run: whoever takes that away breaks the links.
    Links into the store are best relative, so that it can be moved. Checksums do not look behind them.
    """


class Result(pydantic.BaseModel):
    """Base of what a task returns: scalars are its metrics, `qd.File` and `qd.Temp` fields its artifacts."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _plain_scalars(cls, data: Any) -> Any:
        """Take 0-dimensional arrays and tensors (numpy, torch, JAX) as the numbers that they hold."""
        if not isinstance(data, dict):
            return data
        return {name: plain_scalar(value) for name, value in data.items()}


@dataclass(frozen=True)
class Failed:
    """What a batched form yields in place of a result for a run that did not work; the others go on.

    Args:
        reason: one line for the table of failures.
    """

    reason: str


def plain_scalar(value: Any) -> Any:
    """A numpy, torch or JAX scalar as the Python number that it is; anything else as it stands."""
    if isinstance(value, bool | int | float | str | Path | None) and type(value).__module__ != "numpy":
        return value
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value


def result_columns(model: type[Result] | None) -> tuple[list[str], dict[str, type[File]]]:
    """The metrics (names) and artifacts (name to File or Temp) of a result type.

    Raises:
        DeclarationError: for a field that is neither a scalar nor a file, or a mark of validity on one that is no bool.
    """
    metrics: list[str] = []
    artifacts: dict[str, type[File]] = {}
    for name, info in (model.model_fields if model else {}).items():
        choices = _choices(info.annotation)
        if is_mark(info) and choices != [bool]:
            raise DeclarationError(
                f"field '{name}' of {model.__name__ if model else ''} cannot say whether a run counts",
                hint=f"qd.valid() marks a bool: {name}: Annotated[bool, qd.valid()]",
            )
        files = [choice for choice in choices if isinstance(choice, type) and issubclass(choice, File)]
        if files:
            artifacts[name] = files[0]
        elif all(choice in (bool, int, float, str, type(None)) for choice in choices):
            metrics.append(name)
        else:
            raise DeclarationError(
                f"field '{name}' of {model.__name__ if model else ''} is neither a scalar nor a qd.File",
                hint="metrics are bool, int, float or str; write anything larger to run.file(…) and return that",
            )
    return metrics, artifacts


def is_mark(info: pydantic.fields.FieldInfo) -> bool:
    """Whether a field of a result says whether the run's numbers count."""
    return any(isinstance(one, Valid) for one in info.metadata)


def _choices(annotation: Any) -> list[Any]:
    """The types that a field may have, with literals as the types of their values."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return [choice for part in typing.get_args(annotation) for choice in _choices(part)]
    if origin is typing.Annotated:
        return _choices(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return [type(value) for value in typing.get_args(annotation)]
    return [annotation]


def split_nonfinite(metrics: Mapping[str, Scalar]) -> tuple[dict[str, Scalar], dict[str, str]]:
    """Metrics as valid JSON can hold them, and beside them those that are nan or infinite, as text."""
    odd = {
        name: repr(value) for name, value in metrics.items() if isinstance(value, float) and not math.isfinite(value)
    }
    return {name: None if name in odd else value for name, value in metrics.items()}, odd


def join_nonfinite(metrics: Mapping[str, Scalar], odd: Mapping[str, str]) -> dict[str, Scalar]:
    """The inverse of `split_nonfinite`."""
    return {**metrics, **{name: float(text) for name, text in odd.items()}}


@dataclass(frozen=True)
class Done(Generic[P, R]):
    """A finished run, as a task that reads it sees it.

    Attributes:
        id: its run id, 32 hexadecimal digits.
        params: its own params.
        result: its result; files are absolute paths.
        chain: the params of the run and of everything before it, by their full names.
    """

    id: str
    params: P
    result: R
    chain: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Many(Sequence[Done[P, R]]):
    """The finished runs of one group, in the order of the plan, and the values that they agree in."""

    def __init__(self, runs: Sequence[Done[P, R]], group: Mapping[str, Any], dropped: int = 0) -> None:
        self._runs = tuple(runs)
        self.group = dict(group)
        self.dropped = dropped

    @overload
    def __getitem__(self, place: int) -> Done[P, R]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Done[P, R]]: ...
    def __getitem__(self, place: int | slice) -> Done[P, R] | Sequence[Done[P, R]]:
        """The run at this place."""
        return self._runs[place]

    def __len__(self) -> int:
        """How many runs there are."""
        return len(self._runs)

    def __iter__(self) -> Iterator[Done[P, R]]:
        """The runs in their order."""
        return iter(self._runs)

    @cached_property
    def params(self) -> list[P]:
        """The own params of each run."""
        return [run.params for run in self._runs]

    @cached_property
    def results(self) -> list[R]:
        """The result of each run."""
        return [run.result for run in self._runs]


def is_params(kind: Any) -> bool:
    """Whether a type is a params class."""
    return isinstance(kind, type) and issubclass(kind, Params)

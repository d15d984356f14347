"""What a task returned, as metrics and artifacts of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pydantic
import pydantic_core

from quadrat.core.content import sha256, size
from quadrat.core.errors import BadInput
from quadrat.core.identity import digest, encode
from quadrat.core.result import File, Links, Result, Temp, plain_scalar
from quadrat.core.task import Task
from quadrat.store.record import Artifact


def sort_result(task: Task, result: Any, staging: Path) -> tuple[dict[str, Any], dict[str, Artifact]]:
    """The metrics and artifacts of what a task returned.

    Args:
        task: the task.
        result: what its function returned: a `qd.Result`, a dict, or None.
        staging: the folder that its files lie in.

    Raises:
        BadInput: for a result that cannot be kept, with the name of the field and the place of the task.
    """
    metrics: dict[str, Any] = {}
    artifacts: dict[str, Artifact] = {}
    for name, value in _values(task, result).items():
        value = plain_scalar(value)
        if isinstance(value, File):
            artifacts[str(name)] = _artifact(task, str(name), value, staging)
        elif isinstance(value, bool | int | float | str | None):
            metrics[str(name)] = value
        else:
            raise BadInput(
                f"task '{task.name}' returned {type(value).__name__} as '{name}'",
                where=task.where,
                hint="a metric is a scalar, anything larger a file made with run.file(…)",
            )
    return metrics, artifacts


def _values(task: Task, result: Any) -> dict[str, Any]:
    wanted = task.signature.result
    if isinstance(result, Result):
        values = {name: getattr(result, name) for name in type(result).model_fields}
    elif isinstance(result, dict):
        values = result
    elif result is None:
        values = {}
    else:
        raise BadInput(
            f"task '{task.name}' returned {type(result).__name__}",
            where=task.where,
            hint="return a qd.Result or a dict",
        )
    if wanted is None or isinstance(result, wanted):
        return values
    try:
        checked = wanted(**values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"task '{task.name}' returned what is no {wanted.__name__}: '{place}': {first['msg']}", where=task.where
        ) from None
    return {name: getattr(checked, name) for name in wanted.model_fields}


def _artifact(task: Task, name: str, path: File, staging: Path) -> Artifact:
    if ".." in path.parts or not path.is_relative_to(staging):
        raise BadInput(
            f"artifact '{name}' lies at '{path}', outside the run", where=task.where, hint="make it with run.file(…)"
        )
    if not path.exists():
        raise BadInput(f"artifact '{name}' was not written: there is no file '{path.name}'", where=task.where)
    for part in [path, *path.rglob("*")] if path.is_dir() else [path]:
        if part.is_symlink():
            if issubclass(task.artifacts.get(name, File), Links):
                continue
            raise BadInput(
                f"artifact '{name}' is a link to '{part.readlink()}'",
                where=task.where,
                hint="a run keeps files of its own: copy what it points to, or declare a folder of qd.Links",
            )
        if part.is_file():
            part.chmod(0o444)  # views are links to it: a write through one would change the run
            os.utime(part)  # as old as the run: Make and Snakemake compare times through views
    temp = name in task.temps or isinstance(path, Temp)
    return Artifact(path.relative_to(staging).as_posix(), size(path), sha256(path), temp)


def result_digest(metrics: dict[str, Any], artifacts: dict[str, Artifact]) -> str:
    """The hash of a result: equal metrics and equal bytes of artifacts give equal ones."""
    shown = {name: repr(value) for name, value in metrics.items()}
    return digest(encode([shown, {name: one.sha256 for name, one in artifacts.items()}])).hex()


def jsonable(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON can hold them."""
    found = pydantic_core.to_jsonable_python(values, inf_nan_mode="constants")
    return dict(found)

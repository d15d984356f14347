"""Read a profile, and check all that can be checked without Parsl."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pydantic

from quadrat.config.yaml12 import Document, read_yaml
from quadrat.core.errors import BadInput, ConfigError, unknown
from quadrat.core.params import Invalid, Params, validate
from quadrat.execution.pilots.profile import Part, Profile

DEFAULT = "laptop"
_HERE = Path(__file__).resolve().parent
_WAY = f"a name, or a file; those that come with Quadrat are in {_HERE}, to be copied"


class Written(Params):
    """A profile as it is written; see `Profile` for what each key means."""

    provider: dict[str, Any]
    launcher: dict[str, Any] | None = None
    workers: int | None = pydantic.Field(default=None, ge=1)
    cpus: int = pydantic.Field(default=1, ge=1)
    gpus: int | None = pydantic.Field(default=None, ge=0)
    address: str | None = None
    ports: tuple[int, int] | None = None
    python: str | None = None
    folder: str | None = None
    heartbeat: int = pydantic.Field(default=5, ge=1)
    idle: float = pydantic.Field(default=120, ge=0)
    drain: int | None = pydantic.Field(default=None, ge=1)


def shipped() -> dict[str, Path]:
    """The profiles that come with Quadrat."""
    return {path.stem: path for path in sorted(_HERE.glob("*.yaml"))}


def load_profile(given: str | Path | None = None) -> Profile:
    """A profile by its name or its file; without one `laptop`.

    Raises:
        BadInput: for a name that does not exist, or a key that has no place there, with file and line.
        ConfigError: for a file that does not parse, or a value of the wrong type.
    """
    name = str(given or DEFAULT)
    known = shipped()
    if name in known:
        path = known[name]
    elif "/" in name or name.endswith((".yaml", ".yml")) or Path(name).is_file():
        path = Path(name)
    else:
        error = unknown("profile", name, list(known))
        raise BadInput(error.message, hint=f"{error.hint}; a profile is {_WAY}")
    document = read_yaml(path)
    return _profile(str(path), document)


def _profile(file: str, document: Document) -> Profile:
    values = document.values
    empty = Profile(file, Part(""), lines=types.MappingProxyType(document.lines))
    for key in values:
        if key not in Written.model_fields:
            raise unknown("key of a profile", str(key), sorted(Written.model_fields), where=empty.where(key))
    try:
        written = validate(Written, values)
    except Invalid as error:
        problem = error.problems[0]
        path = tuple(problem.path)
        hint = "write `provider: {class: SlurmProvider, …}`" if path[:1] == ("provider",) else None
        raise ConfigError(f"'{'.'.join(path)}': {problem.message}", where=empty.where(*path), hint=hint) from None
    fields = {name: getattr(written, name) for name in Written.model_fields} | {
        "provider": _part(empty, "provider", written.provider),
        "launcher": None if written.launcher is None else _part(empty, "launcher", written.launcher),
        "lines": empty.lines,
    }
    return Profile(file, **fields)


def _part(profile: Profile, kind: str, written: dict[str, Any]) -> Part:
    options = dict(written)
    name = options.pop("class", None)
    if not isinstance(name, str):
        said = "does not say which" if name is None else f"should name a class, not {name!r}"
        raise ConfigError(
            f"'{kind}' {said}",
            where=profile.where(kind, "class"),
            hint=f"`class:` and the name of a class of parsl.{kind}s",
        )
    return Part(name, options)

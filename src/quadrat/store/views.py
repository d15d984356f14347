"""Views: readable names for artifacts of runs, as hard links. They can be thrown away and made again."""

from __future__ import annotations

import errno
import os
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput

MAX_NAME = 255


@dataclass(frozen=True)
class NamedView:
    """A view of a task's runs: a template, the artifact behind each name, and what the template asks for.

    Attributes:
        template: such as "models/{model_name}_{seed:04d}.pt".
        artifact: the name of the artifact; "" for the record itself.
        columns: for each name in the template a value per run of the task.
    """

    template: str
    artifact: str
    columns: dict[str, list[Any]]

    def name(self, run: int, id: str | None = None) -> str:
        """The name of a run; `id` in place of the planned one, where a gather closed without some members."""
        values = {name: column[run] for name, column in self.columns.items()}
        if id is not None and "id" in values:
            values["id"] = id
        return view_name(self.template, values)


class _Values(string.Formatter):
    """Fills a template whose names may have dots in them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        return self._values[field_name], field_name


def template_names(template: str) -> list[str]:
    """The names that a template asks for.

    Raises:
        BadInput: for a template that does not parse.
    """
    try:
        return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise BadInput(f"the view '{template}' does not parse: {error}") from None


def view_name(template: str, values: Mapping[str, Any]) -> str:
    """A template filled with values: "{seed:04d}", "{target.id:.12}". A slash in a value becomes an underscore."""
    safe = {name: value.replace("/", "_") if isinstance(value, str) else value for name, value in values.items()}
    try:
        name = _Values(safe).vformat(template, (), safe)
    except (ValueError, TypeError) as error:
        raise BadInput(f"the view '{template}' does not take its values: {error}") from None
    for part in Path(name).parts:
        if len(part.encode()) > MAX_NAME:
            raise BadInput(f"the view's name '{part[:60]}…' is longer than {MAX_NAME} bytes", hint="use {id:.12} in it")
    return name


def link(source: Path, target: Path, committed: float, aside: Path) -> bool:
    """Make `target` a link to an artifact, in place of what was there; False where it is one already.

    A hard link, so that it is the file itself for every tool; a symbolic one where the file system cannot.

    Args:
        source: the artifact.
        target: the name.
        committed: when it was committed, in seconds since 1970.
        aside: a folder of the store where links are made before they get their names: who is killed between the two
            leaves nothing among the views.
    """
    try:
        if os.path.samestat(os.stat(source), os.stat(target)):
            return False
    except FileNotFoundError:
        pass
    target.parent.mkdir(parents=True, exist_ok=True)
    aside.mkdir(exist_ok=True)
    partial = aside / secrets.token_hex(8)
    try:
        _link(source, partial, committed)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)  # still there after an error, and where another process made the same link
    return True


def _link(source: Path, target: Path, committed: float) -> None:
    if not source.is_dir():
        try:
            os.link(source, target)
            return
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
    os.symlink(source, target)
    os.utime(target, (committed, committed), follow_symlinks=False)

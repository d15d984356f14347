"""Jinja2, set up for files that people read: no blank lines where a tag stood, an error where a name is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def templates(folders: Sequence[Path], **filters: Callable[[str], str]) -> jinja2.Environment:
    """The templates of some folders, the first one first.

    Args:
        folders: where they lie.
        filters: by the names that templates call them.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # no page: what goes into a script or a Snakefile is quoted for it by the filters
    )
    environment.filters.update(filters)
    return environment

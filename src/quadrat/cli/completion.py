"""Completion in the shell: studies, tasks, parameters. Silent where something does not load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quadrat.core.study import Study


def complete_study(incomplete: str) -> list[str]:
    """Installed studies, and files and folders that may be one."""
    from quadrat.core.loading import entry_points

    found = [name for name in entry_points() if name.startswith(incomplete)]
    folder = Path(incomplete).parent
    if folder.is_dir():
        found += [str(path) for path in folder.iterdir() if path.suffix == ".py" and str(path).startswith(incomplete)]
    return found


def complete_part(context: typer.Context, incomplete: str) -> list[str]:
    """Tasks and parts of the study on the line."""
    study = _study(context)
    names = [*study.tasks, *study.parts] if study else []
    return [name for name in names if name.startswith(incomplete)]


def complete_override(context: typer.Context, incomplete: str) -> list[str]:
    """Parameters of the study on the line."""
    study = _study(context)
    if study is None:
        return []
    from quadrat.core.names import Names

    return [f"{name}=" for name in Names(study).known() if name.startswith(incomplete)]


def _study(context: typer.Context) -> Study | None:
    """The study that the line names, or None where it names none that loads."""
    from quadrat.core.errors import QuadratError
    from quadrat.core.loading import find_study

    name = context.params.get("study")
    if name is None:
        # An option that waits for its value keeps the parser from getting to the arguments: look at the line itself.
        line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
        words = [word for word in line.split()[2:] if not word.startswith("-")]
        name = words[0] if words else ""
    try:
        return find_study(str(name)).study
    except QuadratError:
        return None

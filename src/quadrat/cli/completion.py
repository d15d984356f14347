"""Completion in the shell: studies, tasks, parameters. Silent where something does not load."""

from __future__ import annotations

from pathlib import Path

import typer


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
    try:
        from quadrat.core.loading import find_study

        study = find_study(str(context.params.get("study"))).study
    except Exception:
        return []
    return [name for name in [*study.tasks, *study.parts] if name.startswith(incomplete)]


def complete_override(context: typer.Context, incomplete: str) -> list[str]:
    """Parameters of the study on the line."""
    try:
        from quadrat.core.loading import find_study
        from quadrat.core.names import Names

        names = Names(find_study(str(context.params.get("study"))).study)
    except Exception:
        return []
    return [f"{name}=" for name in names.known() if name.startswith(incomplete)]

"""What the verbs share: options, the session they make, and how errors and answers are shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quadrat.cli.completion import complete_override, complete_part, complete_study

if TYPE_CHECKING:
    from quadrat.session import Session

StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study's name, its .py file, or a folder with a study.py.",
        autocompletion=complete_study,
        show_default=False,
    ),
]
OverridesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=VALUE]...",
        help="Parameters and settings: lr=0.1  seed=1,2,3  'seed=range(1,100)'  model.depth=4",
        autocompletion=complete_override,
        show_default=False,
    ),
]
StoreOption = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Where runs are kept: $QUADRAT_STORE, else the setting, else ./runs."),
]
ConfigOption = Annotated[
    list[Path] | None,
    typer.Option("--config", metavar="FILE", help="YAML on top of the study's own configuration; may be repeated."),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="NAME=VALUE", help="Only these runs: seed=1,2  'lr>=0.1'  may be repeated."),
]
OnlyOption = Annotated[
    str | None,
    typer.Option(
        "--only",
        metavar="TASK",
        help="This task (or part) alone; what it reads must be finished.",
        autocompletion=complete_part,
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="TASK", help="Up to this task, and nothing after it.", autocompletion=complete_part),
]
RerunOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rerun",
        metavar="KIND",
        help="Run again: failed (always, unless none), outdated, all, none.",
        show_default=False,
    ),
]
PartialOption = Annotated[
    bool, typer.Option("--partial", help="Gathers go on without members that failed, whatever they declare.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]


def make_session(
    study: str,
    overrides: Sequence[str] | None = None,
    *,
    store: Path | None = None,
    config: Sequence[Path] | None = None,
    where: Sequence[str] | None = None,
    only: str | None = None,
    to: str | None = None,
    rerun: Sequence[str] | None = None,
    partial: bool = False,
) -> Session:
    """The session of a command; a study that slows planning down is told which line does."""
    from quadrat.core.loading import heavy_line
    from quadrat.session import Request, open_session

    request = Request(
        overrides=tuple(overrides or ()),
        config_files=tuple(config or ()),
        only=only,
        to=to,
        rerun=tuple(part for one in rerun for part in one.split(",")) if rerun else None,
        where=tuple(where or ()),
        partial=partial,
    )
    session = open_session(study, store, request)
    line = heavy_line(session.study, session.loaded.heavy)
    if line:
        say(f"note: {line}, which slows planning down: import it inside the tasks")
    return session


def say(text: str) -> None:
    """A line for people, on standard error: standard output is for the answer."""
    print(text, file=sys.stderr)


def answer(value: Any) -> None:
    """An answer in JSON."""
    print(json.dumps(value, indent=2, default=str, allow_nan=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str | None = None) -> None:
    """A small table for people; numbers to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for place, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        shown.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    console().print(shown)


def console() -> Any:
    """The console on standard output; wide where it is no terminal, so that nothing is cut."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def duration(seconds: float) -> str:
    """Seconds for people: "0.4 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def amount(size: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"

"""`quadrat results`: the tidy table of a task, or means over its seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from quadrat.cli.common import (
    ConfigOption,
    OverridesArgument,
    PartialOption,
    StoreOption,
    StudyArgument,
    make_session,
    say,
)
from quadrat.cli.completion import complete_part

TaskArgument = Annotated[
    str,
    typer.Argument(metavar="TASK", help="A task of the study.", autocompletion=complete_part, show_default=False),
]
OverOption = Annotated[
    list[str] | None,
    typer.Option("--over", metavar="NAME", help="Average over this parameter: seed  seed,fold  may be repeated."),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Every finished run in the store, not only those of the current plan.")
]
InvalidOption = Annotated[
    bool,
    typer.Option("--include-invalid", help="Average runs too of which the study says that their numbers do not count."),
]
RowsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="NAME=VALUE",
        help="Only these rows, by any column: seed=1,2  'lr>=0.1'  'test_acc>0.9'  may be repeated.",
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="FORMAT", help="table, csv, json, parquet or markdown; table unless FILE says another."
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to a file; its suffix says the format."),
]


def results(
    study: StudyArgument,
    task: TaskArgument,
    overrides: OverridesArgument = None,
    over: OverOption = None,
    where: RowsOption = None,
    whole: AllOption = False,
    include_invalid: InvalidOption = False,
    partial: PartialOption = False,
    kind: FormatOption = None,
    output: OutputOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Tabulate the finished runs of a task: parameters and metrics of the whole chain, one row per run.

    With --over: METRIC_avg, METRIC_std (sample standard deviation), METRIC_ci95 (95 % interval: mean ± ci95) and n.
    Runs whose numbers do not count are in no average.

    Examples:
      quadrat results mnist_fgsm attack

      quadrat results mnist_fgsm attack --over seed --format csv

      quadrat results mnist_fgsm train --where 'test_acc>0.9' -o good.parquet
    """
    from quadrat.results.formats import choose

    chosen = choose(kind, output)
    session = make_session(study, overrides, store=store, config=config, partial=partial)
    from quadrat.querying import averaged, left_out_note, table

    made = table(session, task, all=whole, where=where or ())
    names = parts(over)
    frame = averaged(made, names, include_invalid=include_invalid) if names else made.frame
    deliver(frame, chosen, output, axes=made.axes, choices=made.choices, averaged=names)
    left_out = left_out_note(made) if names and not include_invalid else None
    for note in (*made.notes, *([left_out] if left_out else ())):
        say(f"note: {note}")


def parts(given: list[str] | None) -> list[str]:
    """Names that were given one by one or with commas."""
    return [name.strip() for one in given or () for name in one.split(",") if name.strip()]


def deliver(
    frame: Any, kind: str, output: Path | None, *, axes: Any = (), choices: Any = (), averaged: Any = ()
) -> None:
    """Print a table, or write it to a file and say so."""
    from quadrat.core.errors import BadInput
    from quadrat.results.formats import ROWS_SHOWN, render, write

    terminal = sys.stdout.isatty()
    if kind == "parquet" and output is None and terminal:
        raise BadInput("parquet is no text for a terminal", hint="give a file: --output FILE.parquet")
    width = None
    if output is None and terminal:
        import shutil

        width = shutil.get_terminal_size().columns
    limit = ROWS_SHOWN if output is None else None
    data = render(frame, kind, axes=axes, choices=choices, averaged=averaged, width=width, limit=limit)
    if output is not None:
        write(data, output)
        say(f"{len(frame):,} rows: {output}")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()

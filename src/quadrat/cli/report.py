"""`quadrat report`: a sweep in one file, for a reader who has nothing installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quadrat.cli.common import ConfigOption, OverridesArgument, StoreOption, StudyArgument, amount, make_session, say


def report(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A .html, .pdf or .md; else STUDY_report.html in this folder."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="html, pdf (printed by Chromium) or md; else what the suffix says."
        ),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Write what a sweep came to into one file: the study's sections, cost, tables, figures, failures, provenance.

    The file needs no network and no server; tables can be sorted and searched, and every number leads to its runs.
    PDFs are printed by Chromium or Chrome: the one in $QUADRAT_CHROMIUM, else the one on the path.

    Examples:
      quadrat report mnist_fgsm -o report.html

      quadrat report mnist_fgsm seed=1,2,3 --format md -o report.md
    """
    session = make_session(study, overrides, store=store, config=config)
    from quadrat.reporting import format_of, gather, render

    file = output or Path(f"{session.study.name}_report.{kind or 'html'}")
    format_of(file, kind)  # a mistake is told before anything is drawn
    render(gather(session), file, kind)
    print(file)
    say(f"{amount(file.stat().st_size)}: open it, or send it")

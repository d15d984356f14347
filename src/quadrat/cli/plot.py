"""`quadrat plot`: a metric against a parameter, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quadrat.cli.common import ConfigOption, OverridesArgument, StoreOption, StudyArgument, make_session, say
from quadrat.cli.results import AllOption, InvalidOption, OverOption, RowsOption, TaskArgument, parts


def plot(
    study: StudyArgument,
    task: TaskArgument,
    x: Annotated[str, typer.Option("-x", metavar="NAME", help="The parameter of the horizontal axis.")],
    y: Annotated[str, typer.Option("-y", metavar="METRIC", help="The metric of the vertical axis.")],
    overrides: OverridesArgument = None,
    hue: Annotated[str | None, typer.Option("--hue", metavar="NAME", help="One series for each of its values.")] = None,
    over: OverOption = None,
    where: RowsOption = None,
    whole: AllOption = False,
    include_invalid: InvalidOption = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A .pdf, .png or .svg; else both a .pdf and a .png in STORE/figures."
        ),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Draw the mean of a metric with its 95 % interval against a parameter, averaged over the seeds.

    Examples:
      quadrat plot mnist_fgsm attack -x dropout_prob -y test_acc --hue num_epochs

      quadrat plot mnist_fgsm attack -x dropout_prob -y fgsm_acc --where num_epochs=5 -o dropout.pdf
    """
    session = make_session(study, overrides, store=store, config=config)
    from quadrat.querying import plot as draw

    written = draw(
        session,
        task,
        x,
        y,
        hue,
        over=parts(over) or None,
        all=whole,
        where=where or (),
        output=output,
        include_invalid=include_invalid,
        tell=lambda note: say(f"note: {note}"),
    )
    for path in written:
        print(path)

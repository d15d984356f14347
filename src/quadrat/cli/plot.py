"""`quadrat plot`: metrics of a sweep as figures, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quadrat.cli.common import ConfigOption, OverridesArgument, StoreOption, StudyArgument, make_session, say
from quadrat.cli.results import AllOption, InvalidOption, OverOption, RowsOption, TaskArgument, parts

MetricOption = Annotated[
    str, typer.Option("-y", metavar="METRIC", help="A metric; with -x step a name that runs logged.")
]
AxisOption = Annotated[
    str | None, typer.Option("-x", metavar="NAME", help="The parameter of the horizontal axis; step: what runs logged.")
]
HueOption = Annotated[
    str | None,
    typer.Option("--hue", metavar="NAME", help="A series for each of its values; a heat map's vertical axis."),
]
FacetOption = Annotated[
    str | None, typer.Option("--facet", metavar="NAME", help="One small figure for each of its values.")
]
KindOption = Annotated[str, typer.Option("--kind", metavar="KIND", help="lines, heat, paired, ranking, or parallel.")]
BaselineOption = Annotated[
    str | None, typer.Option("--baseline", metavar="VALUE", help="With paired: the value of -x to compare with.")
]
LowestOption = Annotated[bool, typer.Option("--lowest", help="With ranking and parallel: small is good.")]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="A .pdf, .png or .svg; else a .pdf and a .png in STORE/figures."
    ),
]


def plot(
    study: StudyArgument,
    task: TaskArgument,
    y: MetricOption,
    overrides: OverridesArgument = None,
    x: AxisOption = None,
    hue: HueOption = None,
    facet: FacetOption = None,
    kind: KindOption = "lines",
    baseline: BaselineOption = None,
    lowest: LowestOption = False,
    over: OverOption = None,
    where: RowsOption = None,
    whole: AllOption = False,
    include_invalid: InvalidOption = False,
    output: FileOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Draw the mean of a metric with its 95 % interval, averaged over the seeds.

    `quadrat show FILE` tells the command and the runs behind a figure.

    Examples:
      quadrat plot mnist_fgsm attack -x dropout_prob -y test_acc --hue num_epochs

      quadrat plot mnist_fgsm train -x step -y val_loss --hue dropout_prob --where num_epochs=5

      quadrat plot mnist_fgsm attack --kind heat -x dropout_prob --hue num_epochs -y fgsm_acc

      quadrat plot mnist_fgsm attack --kind paired -x dropout_prob --baseline 0 -y fgsm_acc --hue num_epochs

      quadrat plot mnist_fgsm attack --kind ranking -y fgsm_acc -o ranking.pdf
    """
    session = make_session(study, overrides, store=store, config=config)
    from quadrat.querying import Wanted
    from quadrat.querying import plot as draw

    wanted = Wanted(y, x, hue, facet, kind, baseline, lowest, parts(over) or None, include_invalid)
    written = draw(
        session, task, wanted, all=whole, where=where or (), output=output, tell=lambda note: say(f"note: {note}")
    )
    for path in written:
        print(path)

"""`quadrat dag`: the graph of tasks, with counts."""

from __future__ import annotations

from typing import Annotated

import typer

from quadrat.cli.common import ConfigOption, OverridesArgument, StoreOption, StudyArgument, make_session

FORMATS = ("mermaid", "dot", "svg")


def dag(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="mermaid, dot, or svg.")] = "mermaid",
) -> None:
    """Draw the tasks of a study, with how many runs each has.

    Examples:
      quadrat dag mnist_fgsm

      quadrat dag mnist_fgsm --format svg > dag.svg
    """
    from quadrat.core.errors import unknown
    from quadrat.querying.dag import dot, mermaid, svg

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    plan = make_session(study, overrides, store=store, config=config).plan()
    print({"mermaid": mermaid, "dot": dot, "svg": svg}[form](plan))

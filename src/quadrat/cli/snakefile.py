"""`quadrat snakefile` and `quadrat make`: Snakemake as a front door."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from quadrat.cli.common import ConfigOption, OverridesArgument, StudyArgument, make_session, say

OUTSIDE = {"allow_extra_args": True, "ignore_unknown_options": True}


def snakefile(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where the Snakefile goes.", show_default="here")
    ] = Path(),
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="DIR", help="Where runs are kept: $QUADRAT_STORE, else the setting, else runs beside it."
        ),
    ] = None,
    config: ConfigOption = None,
    chunk: Annotated[
        int | None, typer.Option("--chunk", min=1, metavar="N", help="About how many runs one job makes.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a Snakefile that says something else.")] = False,
) -> None:
    """Write a Snakefile for a study, profiles for a laptop and a SLURM cluster, and cluster/snakecharm.sh.

    It drives the same store as `quadrat run`: what one has made is finished for the other. Names of outputs come from
    the study's views; what is in the sweep is looked up whenever Snakemake reads the file.

    Examples:
      quadrat snakefile mnist_fgsm -o sweep && cd sweep && snakemake -j4

      quadrat snakefile study.py lr=0.1,0.2 --chunk 50
    """
    from quadrat.session import STORE_VARIABLE
    from quadrat.snakefiles.calling import INSTALL, is_installed
    from quadrat.snakefiles.writing import place_of, write
    from quadrat.store.store import Store

    given = store or (Path(found) if (found := os.environ.get(STORE_VARIABLE)) else None)
    session = make_session(study, overrides, store=given, config=config)
    given = given or session.settings.store_folder
    if given is None:
        session.store = Store(folder / "runs")
    session.plan()  # what is wrong with the request is told here and now
    for path, is_new in write(session, place_of(session, folder, given, chunk), force=force).items():
        print(f"{path}" + ("" if is_new else " (as it was)"))
    if not is_installed():
        say(f"note: Snakemake is not installed here: {INSTALL}")


def make(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET|OPTION]", help="As for snakemake.", show_default=False),
    ] = None,
) -> None:
    """Call Snakemake in this folder; quoted patterns stand for every name of the sweep that they fit.

    All arguments are Snakemake's own; `snakemake --help` lists them.

    Examples:
      quadrat make -j4

      quadrat make "runs/models/*.pt" -j4 --config seed="[1,2]"

      quadrat make -n "runs/*/num_epochs=5*"
    """
    from quadrat.snakefiles.calling import snakemake, with_patterns
    from quadrat.snakefiles.sweep import MATCH_VARIABLE

    command = snakemake()
    rest, patterns = with_patterns(arguments or [])
    os.environ[MATCH_VARIABLE] = json.dumps(patterns)
    os.execv(command[0], [*command, *rest])

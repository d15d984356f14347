"""`quadrat debug`: one run by itself, in this process, in a debugger."""

from __future__ import annotations

from typing import Annotated

import typer

from quadrat.cli.common import StoreOption, say
from quadrat.cli.inspecting import RunArgument, _store


def debug(
    run: RunArgument,
    study: Annotated[
        str | None, typer.Option("--study", metavar="STUDY", help="Where the study is now, if it has moved.")
    ] = None,
    no_pdb: Annotated[bool, typer.Option("--no-pdb", help="Just run it and show the error.")] = False,
    store: StoreOption = None,
) -> None:
    """Run one run again by itself, in this process, and open a debugger where it raises. Nothing is committed.

    Examples:
      quadrat debug 3fa4

      quadrat debug 3fa4 --no-pdb
    """
    from quadrat.cli.failing import show_one
    from quadrat.debugging import debug_run

    found = _store(store)
    failure = debug_run(found, found.resolve(run), study, pdb=not no_pdb)
    if failure is None:
        say("it worked; nothing was committed")
        return
    say(f"FAILED: {failure.message}")
    show_one(failure)
    raise typer.Exit(1)

"""The `quadrat` command: its verbs, and how an error becomes one message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import version

import typer

from quadrat.cli.cluster import cancel, wait
from quadrat.cli.common import say
from quadrat.cli.dag import dag
from quadrat.cli.debug import debug
from quadrat.cli.doctor import doctor
from quadrat.cli.export import export
from quadrat.cli.inspecting import logs, note, path, quarantine, show
from quadrat.cli.new import new
from quadrat.cli.plan import plan
from quadrat.cli.plot import plot
from quadrat.cli.report import report
from quadrat.cli.results import results
from quadrat.cli.run import run
from quadrat.cli.snakefile import OUTSIDE, make, snakefile
from quadrat.cli.sql import sql
from quadrat.cli.status import status
from quadrat.cli.studies import studies
from quadrat.cli.submit import submit
from quadrat.cli.ui import ui
from quadrat.cli.upkeep import accept, gc, verify
from quadrat.cli.usage import usage
from quadrat.core.errors import QuadratError

INTERRUPTED = 130

app = typer.Typer(
    name="quadrat",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Sweeps of machine-learning experiments: declare typed tasks once, run every point once, count what came out.",
    epilog="Begin with: quadrat run mnist_fgsm · quadrat results mnist_fgsm attack --over seed · quadrat new my_study",
)

VERBS: dict[str, tuple[Callable[..., None], ...]] = {
    "Run": (run, plan, status, dag, studies, new),
    "On a cluster": (submit, wait, cancel, usage, doctor),
    "With Snakemake": (snakefile, make),
    "Count": (results, plot, report, ui, sql, export),
    "Look at runs": (show, path, logs, debug, note, quarantine),
    "Keep in order": (verify, gc, accept),
}

for _panel, _verbs in VERBS.items():
    for _verb in _verbs:
        app.command(rich_help_panel=_panel, context_settings=OUTSIDE if _verb is make else None)(_verb)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"quadrat {version('quadrat')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=_show_version
    ),
) -> None:
    """Options before the verb."""


def main() -> None:
    """Run the command line; ends the process."""
    try:
        code = app(standalone_mode=False, prog_name="quadrat")
    except QuadratError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read our output has seen enough
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - sorted there: the user's mistake, or a fault of ours
        _usage_error(error)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _usage_error(error: Exception) -> None:
    """Typer's own errors (a missing argument, an unknown option) keep their form; anything else is a fault of ours."""
    show_error = getattr(error, "show", None)
    if show_error is None:
        if isinstance(error, typer.Abort):
            sys.exit(INTERRUPTED)
        raise error
    show_error()
    sys.exit(getattr(error, "exit_code", 2))

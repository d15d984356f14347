"""`quadrat doctor`: is this machine, this store, this site all right?"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quadrat.cli.common import ConfigOption, JsonOption, OverridesArgument, StoreOption, answer, make_session, say
from quadrat.cli.completion import complete_study

if TYPE_CHECKING:
    from quadrat.examining import Check
    from quadrat.settings import SlurmSettings

LINE_SECONDS = 10.0

StudyArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[STUDY]",
        help="Probe with the settings under `slurm:` of this study's configuration.",
        autocompletion=complete_study,
        show_default=False,
    ),
]


def doctor(
    study: StudyArgument = None,
    overrides: OverridesArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    wait: Annotated[float, typer.Option("--wait", min=1, metavar="SECONDS", help="How long the probe may take.")] = 300,
    partition: Annotated[
        str | None, typer.Option("--partition", "-p", metavar="NAME", help="Where the probe goes; else the default.")
    ] = None,
    gpus: Annotated[int, typer.Option("--gpus", min=0, metavar="N", help="How many GPUs the probe asks for.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Look at this machine, the store's file system and the site's SLURM, and send one small job to compare a node.

    The exit code is 1 where something fails. Nothing is left behind: no file in the store, no job in the queue.

    Examples:
      quadrat doctor

      quadrat doctor --store /shared/runs --partition gpu --gpus 1

      quadrat doctor mnist_fgsm slurm.account=vision
    """
    from quadrat.examining import Examination

    # An end by SIGTERM takes the probe back, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = Progress(quiet=as_json)
    root, settings = _asked(study, overrides, store, config)
    if partition:
        settings = settings.model_copy(update={"partition": partition})
    looking = Examination(root, settings, wait, gpus, progress)
    for check in looking.look():
        progress.clear()
        if not as_json:
            _show(check, first=not any(one.about == check.about for one in looking.checks[:-1]))
    if as_json:
        answer(looking.told())
    raise typer.Exit(0 if looking.fine else 1)


def _asked(
    study: str | None, overrides: list[str] | None, store: Path | None, config: list[Path] | None
) -> tuple[Path, SlurmSettings]:
    """The store to look at, and what the study says of the site's SLURM."""
    from quadrat.session import store_path
    from quadrat.settings import SlurmSettings

    if study is None:
        return store_path(store), SlurmSettings()
    session = make_session(study, overrides, store=store, config=config)
    return session.store.root, session.settings.slurm


def _show(check: Check, *, first: bool) -> None:
    if first:
        print(check.about)
    print(f"  {check.level.value:<4}  {check.text}")
    if check.advice:
        print(f"        → {check.advice}")
    sys.stdout.flush()


class Progress:
    """What the probe is waiting for: a line that is renewed on a terminal, else a line now and then."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._shown = False
        self._last = 0.0

    def __call__(self, text: str) -> None:
        """Show how it stands."""
        if self._quiet:
            return
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K  …     {text}")
            sys.stderr.flush()
            self._shown = True
        elif time.monotonic() - self._last > LINE_SECONDS:
            self._last = time.monotonic()
            say(text)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._shown = False

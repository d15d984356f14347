"""Calling Snakemake: for `quadrat make` as a user does, for `quadrat run --on snakemake` on a plan that is made."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quadrat.core.errors import BadInput, QuadratError
from quadrat.execution.elsewhere import NewFailures, begin, block_the_rest
from quadrat.execution.linking import Linker
from quadrat.execution.tally import Tally
from quadrat.plan.plan import Plan
from quadrat.session import Session, on_interrupt
from quadrat.snakefiles.naming import RuleSet
from quadrat.snakefiles.planning import freeze_sweep
from quadrat.snakefiles.sheet import Sheet
from quadrat.snakefiles.sweep import GIVEN_VARIABLE
from quadrat.snakefiles.syncing import sync
from quadrat.snakefiles.writing import Place, render
from quadrat.viewing import named_views

INSTALL = "pip install 'quadrat[snakemake]'"
LOOK_SECONDS = 0.25
LAST_LINES = 12


def is_installed() -> bool:
    """Whether there is a Snakemake."""
    return importlib.util.find_spec("snakemake") is not None


def snakemake() -> list[str]:
    """The command.

    Raises:
        BadInput: where it is not installed.
    """
    if not is_installed():
        raise BadInput("Snakemake is not installed", hint=INSTALL)
    return [sys.executable, "-m", "snakemake"]


def with_patterns(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split what stands behind `quadrat make` into what Snakemake takes and quoted patterns of names.

    A pattern has a `*`, `?` or `[` in it, and is no option, nor the NAME=VALUE of one.
    """
    is_pattern = [
        bool(re.search(r"[*?[]", text)) and not text.startswith("-") and re.match(r"[\w:-]+=", text) is None
        for text in arguments
    ]
    patterns = [text for text, is_one in zip(arguments, is_pattern, strict=True) if is_one]
    rest = [text for text, is_one in zip(arguments, is_pattern, strict=True) if not is_one]
    return (["matching", *rest] if patterns else rest), patterns


class Call:
    """One call of Snakemake on a plan, watched.

    Args:
        session: what the plan was made of.
        plan: the plan.
        options: of Snakemake.
        listen: told of events, as by a scheduler.
        tally: how it goes.
    """

    def __init__(
        self, session: Session, plan: Plan, options: Sequence[str], listen: Callable[[str, Any], None], tally: Tally
    ) -> None:
        self._session = session
        self._plan = plan
        self._options = options
        self._listen = listen
        self._tally = tally
        self._interrupts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._done_before = dict(tally.done)

    def interrupt(self) -> None:
        """Once: what runs may finish, nothing more begins. Twice: what runs is stopped. Then all is killed."""
        self._interrupts += 1
        self._tally.interrupted = True
        if self._process is not None:
            self._pass_on(self._process)

    def _pass_on(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None and self._interrupts == 1:
            process.send_signal(signal.SIGTERM)  # to Snakemake a wish to end in good order, as its SIGINT is not
        elif process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM if self._interrupts == 2 else signal.SIGKILL)

    def run(self, jobs: int, *, partial: bool) -> None:
        """Until it is over.

        Raises:
            QuadratError: where Snakemake did not work.
        """
        store = self._session.store
        folder = store.layout.home / "snakemake" / secrets.token_hex(4)
        apart = f"{folder.relative_to(store.root)}/done/"
        rules = RuleSet(self._session.study, apart)
        named = rules.views(self._plan)
        sheet = freeze_sweep(self._session, self._plan, rules, named, partial=partial)
        new_failures = NewFailures(self._plan, store.layout)
        folder.mkdir(parents=True)
        try:
            sync(store, self._plan, named)
            (folder / "runs").symlink_to("../../..")
            text = render(self._session, Place(folder, self._session.study.name, apart=apart))
            (folder / "Snakefile").write_text(text, encoding="utf-8")
            code = self._call(folder, jobs, sheet)
            said = (folder / "log").read_text(encoding="utf-8", errors="replace")
            self._count(sheet)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        new_failures.take(self._tally)
        if not self._tally.failures:  # whose tracebacks name the code that was frozen
            shutil.rmtree(sheet.folder, ignore_errors=True)
        if code and not self._interrupts and not self._tally.failures:
            raise QuadratError("snakemake did not work", hint="\n  ".join(said.strip().splitlines()[-LAST_LINES:]))

    def _call(self, folder: Path, jobs: int, sheet: Sheet) -> int:
        command = [*snakemake(), "--cores", str(jobs), "--workflow-profile", "none", *self._options]
        with (folder / "log").open("wb") as log:
            self._process = process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, GIVEN_VARIABLE: str(sheet.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C on the terminal comes to us alone: we pass on what it means
            )
            if self._interrupts:
                self._pass_on(process)
            look = 0.0
            while process.poll() is None:
                if time.monotonic() > look:
                    self._count(sheet)
                    self._listen("tick", self._tally)
                    look = time.monotonic() + LOOK_SECONDS
                time.sleep(0.02)
        return process.returncode

    def _count(self, sheet: Sheet) -> None:
        """A run is done when its view is there: before Snakemake began it was not."""
        root = str(self._session.store.root)
        for one in sheet.rules.values():
            planned = self._plan.tasks[one.task]
            to_do = np.flatnonzero(planned.to_run & planned.active).tolist()
            done = sum(os.path.lexists(f"{root}/{one.names[0][run]}") for run in to_do)
            self._tally.done[one.task] = self._done_before.get(one.task, 0) + done


def run_on_snakemake(
    session: Session,
    plan: Plan,
    jobs: int,
    listen: Callable[[str, Any], None],
    *,
    fail_fast: bool = False,
    partial: bool = False,
) -> Tally:
    """Run what a plan has to do as jobs of Snakemake on this machine.

    Args:
        session: what the plan was made of.
        plan: the plan.
        jobs: cores.
        listen: told of events, as by a scheduler.
        fail_fast: start nothing more after the first failure.
        partial: gathers go on without members that failed.

    Raises:
        BadInput: where Snakemake is not installed.
        QuadratError: where it did not work.
    """
    snakemake()
    tally = Tally()
    begin(plan, tally, listen)
    session.store.prepare()
    options = ["--rerun-triggers", "mtime", "--ignore-incomplete", *([] if fail_fast else ["--keep-going"])]
    call = Call(session, plan, options, listen, tally)
    with on_interrupt(call.interrupt):
        call.run(jobs, partial=partial)
    rest = None if fail_fast or tally.interrupted or not tally.failures else _rest(session, plan)
    if rest is not None:
        call = Call(*rest, options, listen, tally)
        with on_interrupt(call.interrupt):
            call.run(jobs, partial=partial)
    if not tally.interrupted:
        block_the_rest(tally)
    linker = Linker(plan, session.store, named_views(plan))
    linker.link_finished()
    listen("views", linker.made)
    return tally


def _rest(session: Session, plan: Plan) -> tuple[Session, Plan] | None:
    """What can still be done after runs have failed, or None: gathers that go on without them.

    To Snakemake every input is needed. So this is another plan, in which what has failed is held back.
    """
    links = [link for one in plan.tasks.values() for link in one.task.inputs if link.many]
    if not any(session.request.partial or link.missing == "drop" for link in links):
        return None
    again = Session(session.loaded, session.store, dataclasses.replace(session.request, rerun=("none",)))
    rest = again.plan()
    left = any((one.to_run & one.active & ~rest.builder.dead[name]).any() for name, one in rest.tasks.items())
    return (again, rest) if left else None

"""Progress of a sweep: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from quadrat.cli.common import duration, say
from quadrat.core.words import plural

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from quadrat.execution import base
    from quadrat.execution.scheduler import Scheduler, Tally
    from quadrat.plan.plan import Plan

LINE_SECONDS = 10.0


class Reporter:
    """Listens to a scheduler and shows how it goes. A context manager; call it with (event, value).

    Args:
        plan: what is run.
        quiet: show nothing.
        plain: no bars (a debugger wants the terminal).
    """

    def __init__(self, plan: Plan, *, quiet: bool = False, plain: bool = False) -> None:
        self._plan = plan
        self._quiet = quiet
        self._bars = sys.stderr.isatty() and not quiet and not plain
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()
        self._last = self._began
        self._failed = 0
        self._told: list[base.Progress] = []
        self.views: list[str] = []

    @property
    def seconds(self) -> float:
        """How long it took so far."""
        return time.monotonic() - self._began

    def __enter__(self) -> Reporter:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Take the bars away."""
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: str, value: Any) -> None:
        """Hear an event."""
        if event == "start":
            self._start(value)
        elif event == "tick":
            self._tick(value)
        elif event == "progress":
            self._told = value
        elif event == "output":
            self._output(value)
        elif event == "failed":
            self._failed += 1
            if self._failed <= 3:
                self._line(f"failed: {value.task} {value.id[:12]}: {value.message}")
        elif event == "retry":
            self._line(f"trying again: {value.task} {value.id[:12]}: {value.message}")
        elif event == "reaped":
            self._line(f"took away what {plural(value, 'attempt')} of processes that are gone left behind")
        elif event == "views":
            self.views = value
        elif event == "notice":
            self._line(value)
        elif event == "canary":
            self._line("canary: one run of each task works; going on with the rest")

    def _start(self, scheduler: Scheduler) -> None:
        total = sum(int(runs.sum()) for runs in scheduler.to_run.values())
        counts = self._plan.counts()
        self._line(f"{self._plan.study.name}: {plural(total, 'run')} to do, {counts['finished']:,} finished already")
        if not self._bars:
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("[cyan]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            transient=True,
        )
        for name, runs in scheduler.to_run.items():
            if runs.any():
                self._tasks[name] = self._progress.add_task(name, total=int(runs.sum()), note="")
        self._progress.start()

    def _tick(self, tally: Tally) -> None:
        if self._progress is not None:
            for name, bar in self._tasks.items():
                failed = tally.failed[name] + tally.blocked[name]
                note = f"[red]{tally.failed[name]} failed" if tally.failed[name] else ""
                if tally.waiting_for_others and not tally.running[name]:
                    note += f" [dim]{tally.waiting_for_others} with other processes"
                told = [how_far(one) for one in self._told if one.task == name]
                note = " ".join([note, *(f"[dim]{escape(text)}" for text in told[:2])]).strip()
                self._progress.update(bar, completed=tally.done[name] + failed, note=note)
            return
        now = time.monotonic()
        if now - self._last < LINE_SECONDS:
            return
        self._last = now
        done, total = sum(tally.done.values()), sum(tally.total.values())
        left = (total - done) * self.seconds / done if done else None
        self._line(
            f"{done:,} of {total:,} done in {duration(self.seconds)}"
            + (f", about {duration(left)} left" if left else "")
            + (f", {sum(tally.failed.values()):,} failed" if tally.failures else "")
            + "".join(f", {one.task} {one.id[:6]} at {how_far(one)}" for one in self._told[:2])
            + (f", {tally.waiting_for_others:,} with other processes" if tally.waiting_for_others else "")
        )

    def _line(self, text: str) -> None:
        if self._quiet:
            return
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            say(text)

    def _output(self, data: bytes) -> None:
        """What a task prints, as it comes."""
        if self._quiet:
            return
        text = data.decode(errors="replace")
        if self._progress is not None:
            self._progress.console.print(text.rstrip("\n"), markup=False, highlight=False)
        else:
            sys.stdout.write(text)
            sys.stdout.flush()


def how_far(one: base.Progress) -> str:
    """How far a run is, for people: "3 of 10 epochs"."""
    done = f"{one.done:g}" if one.total is None else f"{one.done:g} of {one.total:g}"
    return f"{done} {one.text}".strip()

"""Doing runs of a frozen plan as a job of Snakemake: in a process forked from this one, told in the job's log."""

from __future__ import annotations

import fcntl
import functools
import json
import math
import multiprocessing
import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from quadrat.core.errors import StoreError
from quadrat.execution.base import Context
from quadrat.execution.devices import Visible, visible_devices
from quadrat.execution.pool import PoolExecutor
from quadrat.execution.share import FrozenPlan, Part, run_part
from quadrat.execution.slurm.site import inside
from quadrat.plan.plan import Reason
from quadrat.snakefiles.sheet import Sheet
from quadrat.snakefiles.sweep import AGAIN_VARIABLE
from quadrat.store import failures
from quadrat.store.failures import Failure
from quadrat.store.store import Store

if TYPE_CHECKING:
    from quadrat.execution.scheduler import Scheduler

INTERRUPTED = 130


class Doer:
    """Does runs of a frozen plan.

    Args:
        folder: the plan's.
        log: the job's log.
    """

    def __init__(self, folder: Path, log: BinaryIO) -> None:
        self._root = folder.parents[2]
        self._store = Store(self._root.resolve())
        self._plan = FrozenPlan(self._store, folder.name)
        self._sheet = Sheet.load(folder)
        self._log = log
        self._scheduler: Scheduler | None = None
        self._failed: list[str] = []
        self._blocked = 0
        self._held: list[int] = []

    def one(self, rule: str, output: Path) -> int:
        """Make the run of a rule that has this output; returns the exit code."""
        name = os.path.relpath(output, self._root)
        one = self._sheet.rules.get(rule)
        if one is None or name not in one.places:
            raise StoreError(f"the plan has no run '{name}' of rule '{rule}'", where=str(self._plan.name))
        place = one.places[name]
        file = os.environ.get(AGAIN_VARIABLE)
        again = file is not None and name in json.loads(Path(file).read_text(encoding="utf-8"))
        part = self._plan.part({one.task: np.array([place])}, again=again)
        code = self._run(part)
        missing = [names[place] for names in one.names if not os.path.lexists(self._store.root / names[place])]
        if not code and missing:
            self._tell(f"the run is finished, but it has no file for its view '{missing[0]}'\n")
            return 1
        return code

    def chunk(self, name: str, output: Path) -> int:
        """Make the runs of a chunk. All of them are tried; what has become of them stands in the output."""
        target, _, number = name.rpartition("-")
        runs = self._chunks(target)[int(number)]["runs"]
        code = self._run(self._plan.part({task: np.array(places) for task, places in runs.items()}))
        if code != INTERRUPTED:
            output.write_text(json.dumps({"failed": self._failed, "blocked": self._blocked}), encoding="utf-8")
            code = 0
        return code

    def tried(self, target: str, output: Path) -> int:
        """Look how all chunks of a target went; the exit code is 1 where a run has failed, or could not run."""
        told = [
            json.loads(output.with_name(f"{target}-{number}.done").read_text(encoding="utf-8"))
            for number in range(len(self._chunks(target)))
        ]
        failed = [id for one in told for id in one["failed"]]
        kept = [failures.read(self._store.layout, id) for id in failed]
        for cause in failures.by_cause(one for one in kept if one is not None):
            self._tell(shown(cause.first, len(cause.ids)))
        if blocked := sum(one["blocked"] for one in told):
            self._tell(f"runs that did not run, since what they read is not finished: {blocked}\n")
        if failed or blocked:
            return 1
        output.touch()
        return 0

    def _chunks(self, target: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self._sheet.folder / f"{target}.chunks").read_text(encoding="utf-8"))
        return found

    def _run(self, part: Part) -> int:
        held = [key for key in part.mine if part.plan.tasks[key[0]].reason[key[1]] == Reason.HELD]
        if not any(part.plan.tasks[name].to_run[place] for name, place in part.mine):
            linker = part.linker()
            for name, place in part.mine:
                linker.link((name, place), part.plan.tasks[name].ids[place].hex())
        else:
            gpus = max(part.plan.tasks[name].task.resources.gpus for name, _ in part.mine)
            make = functools.partial(self._executor, gpus=gpus)
            job = inside()
            end = job.end if job is not None else None
            tally = run_part(part, make, listen=self._hear, begun=self._begun, deadline=end)
            if tally.interrupted and sum(tally.done.values()) < sum(tally.total.values()):
                return INTERRUPTED
            self._failed = [failure.id for failure in tally.failures]
            self._blocked = sum(tally.blocked.values())
            if self._blocked:
                self._tell(f"runs that did not run, since what they read is not finished: {self._blocked}\n")
        for name, place in held:
            id = part.plan.tasks[name].ids[place].hex()
            self._failed.append(id)
            failure = failures.read(self._store.layout, id)
            self._tell("not tried again, since it failed before (rerun=none):\n")
            self._tell(shown(failure) if failure else f"run {id[:12]} of {name}\n")
        return 1 if self._failed or self._blocked else 0

    def _executor(self, context: Context, gpus: float) -> PoolExecutor:
        """Workers that are forked from this process: it has loaded the study, and has no threads."""
        visible, self._held = hold_devices(visible_devices(), math.ceil(gpus))
        return PoolExecutor(context, 1, visible, multiprocessing.get_context("fork"))

    def _begun(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C lets what runs finish, a second one stops it; SIGTERM stops it: then the job is to go now."""
        if self._scheduler is not None:
            self._scheduler.interrupt()
            if number == signal.SIGTERM:
                self._scheduler.interrupt()

    def _hear(self, event: str, value: Any) -> None:
        if event == "output":
            self._log.write(value)
        elif event == "failed":
            self._tell(shown(value))
        elif event == "retry":
            self._tell(f"trying again: run {value.id[:12]} of {value.task}: {value.message}\n")

    def _tell(self, text: str) -> None:
        """A line in the log, and for whoever looks on."""
        self._log.write(text.encode(errors="backslashreplace"))
        sys.stderr.write(text)


def hold_devices(visible: Visible, count: int, folder: Path | None = None) -> tuple[Visible, list[int]]:
    """Devices that no other job of Snakemake on this machine holds: nobody else gives them out.

    Args:
        visible: those that this process may use.
        count: how many are needed.
        folder: where jobs tell each other what they hold.

    Returns:
        The devices, and handles that hold them until this process ends. All of them, shared, where too few are free.
    """
    where = folder or Path(tempfile.gettempdir())
    names: list[str] = []
    handles: list[int] = []
    for name in visible.names:
        if len(names) == count:
            break
        path = where / f"quadrat-{os.getuid()}-device-{re.sub(r'[^0-9A-Za-z-]', '_', name)}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
        else:
            names.append(name)
            handles.append(handle)
    return (Visible(tuple(names), visible.variables) if count and len(names) == count else visible), handles


def shown(failure: Failure, count: int = 1) -> str:
    """A failure (and how many of the same cause there are): what it was, the user's own frames, how to run it alone."""
    kind = "" if failure.kind == "error" else f" ({failure.kind})"
    params = ", ".join(f"{name}={value}" for name, value in {**failure.chain, **failure.params}.items())
    lines = [
        f"FAILED {'run' if count == 1 else f'{count} runs'} of {failure.task}{kind}: {failure.message}",
        f"  run {failure.id[:12]}: {params}",
        *(f"  {line}" for line in failure.traceback.rstrip().splitlines()),
        f"  rerun it alone: {failure.rerun}",
    ]
    return "\n".join(lines) + "\n"

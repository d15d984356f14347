"""A warm worker process: forked from a server that has imported what the study needs, fed through a pipe.

The server is one for the life of the main process; a session whose study it does not know loads it in its workers.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext, ForkServerContext, ForkServerProcess
from pathlib import Path

from quadrat.core.errors import BadInput, QuadratError
from quadrat.core.fingerprint import fingerprints
from quadrat.core.loading import load_study
from quadrat.core.run import end_by
from quadrat.execution import preload, threads
from quadrat.execution.base import Batch, Context, Outcome, Progress
from quadrat.execution.capture import Capture
from quadrat.execution.preload import PRELOAD_VARIABLE
from quadrat.execution.provenance import host
from quadrat.execution.worker import Worker
from quadrat.store import progress
from quadrat.store.layout import Layout


@dataclass(frozen=True)
class Ready:
    """What a worker says first: it takes batches, or why it cannot."""

    error: str = ""


Answer = Ready | Progress | list[Outcome]

TELL_SECONDS = 0.5
NVML_VARIABLE = "PYTORCH_NVML_BASED_CUDA_CHECK"


def fork_server(context: Context) -> BaseContext:
    """A context whose processes are forked from a server that has loaded the study, once."""
    asked = threads.environment(1) | {
        # A study that asks `torch.cuda.is_available()` at its top would open the devices in the server, and a process
        # forked from that could not use them. With this torch asks the driver's monitor instead.
        NVML_VARIABLE: os.environ.get(NVML_VARIABLE, "1"),
        PRELOAD_VARIABLE: json.dumps(
            {"study": asdict(context.study), "preload": context.preload, "modules": context.modules}
        ),
    }
    before = {name: os.environ.get(name) for name in asked}
    server = _Server()
    server.set_forkserver_preload(["quadrat.execution.preload"])
    os.environ.update(asked)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return server


class _WorkerProcess(ForkServerProcess):
    """A worker that does not import the main script again: nothing of ours is in it, and it may have no main guard."""

    def start(self) -> None:
        main = sys.modules["__main__"]
        held = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
        for name in held:
            setattr(main, name, None)
        try:
            super().start()
        finally:
            for name, value in held.items():
                setattr(main, name, value)


class _Server(ForkServerContext):
    Process = _WorkerProcess


def live_log(context: Context, pid: int) -> Path:
    """What a worker's current batch has printed."""
    return Layout(Path(context.store)).live_log(context.owner, f"{host()}-{pid}")


def serve(pipe: Connection, context: Context, environment: dict[str, str]) -> None:
    """The life of a worker: say that it is ready, then answer each batch with its outcomes, until None comes.

    Args:
        pipe: to the main process.
        context: what all runs have in common.
        environment: which devices it sees. For life: libraries open them once, and remember what they saw.
    """
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, lambda number, frame: end_by(time.time() + context.grace))
    _end_with_parent()
    try:
        log = live_log(context, os.getpid())
        capture = Capture(log)
        teller = _Teller(pipe, progress.path_of(log))
        worker = _start(context, capture, teller)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it is, the main process tells it)
        pipe.send(Ready(str(error) or type(error).__name__))
        return
    pipe.send(Ready())
    while True:
        try:
            batch: Batch | None = pipe.recv()
        except EOFError:
            return
        if batch is None:
            return
        capture.begin()
        teller.task = batch.task
        outcomes = worker.execute(batch)
        teller.over()
        pipe.send(outcomes)


class _Teller:
    """Tells the main process, and whoever watches the store, how far the run is, now and then."""

    def __init__(self, pipe: Connection, path: Path) -> None:
        self.task = ""
        self._pipe = pipe
        self._path = path
        self._last = 0.0
        self._told = False

    def __call__(self, id: str, done: float, total: float | None, text: str) -> None:
        if time.monotonic() - self._last > TELL_SECONDS:
            self._last = time.monotonic()
            told = Progress(id, self.task, done, total, text)
            self._pipe.send(told)
            progress.tell(self._path, asdict(told))
            self._told = True

    def over(self) -> None:
        """The batch is done: nothing is to be told any more."""
        if self._told:
            progress.forget(self._path)
            self._told = False


def _start(context: Context, capture: Capture, teller: _Teller) -> Worker:
    threads.load_generators()
    worker = Worker(context, capture.take, on_progress=teller)
    loaded = preload.loaded_codes or fingerprints(load_study(context.study).study)
    if any(loaded.get(task, code) != code for task, code in context.codes.items()):
        raise BadInput("the study's code has changed since the plan was made", hint="run the same command again")
    for name in context.preload:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:
            if isinstance(error, QuadratError):
                raise
            raise BadInput(
                f"the study's preload '{name}' does not import: {type(error).__name__}: {error}",
                hint="install it, or take it out of Study(…, preload=[…])",
            ) from None
    return worker


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="quadrat-parent-watch").start()

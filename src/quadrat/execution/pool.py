"""The pool: warm workers, forked from a server that has imported what the study needs.

Pebble keeps the workers: one that dies is replaced, and takes only its own batch with it.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import queue
import signal
import sys
import threading
from concurrent.futures import CancelledError
from dataclasses import asdict
from multiprocessing.context import BaseContext, ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrat.core.loading import StudyRef
from quadrat.execution import threads
from quadrat.execution.base import Batch, Context, Finished, Outcome
from quadrat.execution.capture import Capture
from quadrat.execution.worker import Worker
from quadrat.store.layout import Layout

if TYPE_CHECKING:
    from pebble import ProcessFuture

PRELOAD_VARIABLE = "QUADRAT_PRELOAD"


class PoolExecutor:
    """Runs batches in `jobs` warm worker processes.

    Args:
        context: what all runs have in common.
        jobs: how many workers.
        gpus: how many devices runs may share.
    """

    def __init__(self, context: Context, jobs: int, gpus: int = 0) -> None:
        from pebble import ProcessPool

        self.slots = jobs
        self.gpus = gpus
        self._layout = Layout(Path(context.store))
        self._owner = context.owner
        self._done: queue.SimpleQueue[tuple[Batch, ProcessFuture]] = queue.SimpleQueue()
        self._running: dict[int, ProcessFuture] = {}
        self._shown = 0
        self._pool = ProcessPool(
            max_workers=jobs,
            context=_fork_server(context),
            initializer=_start_worker,
            initargs=[context],
        )

    def submit(self, batch: Batch) -> None:
        """Give a batch to the next free worker."""
        timeout = batch.timeout * len(batch.orders) if batch.timeout else None
        future = self._pool.schedule(_execute, args=[batch], timeout=timeout)
        self._running[batch.number] = future
        future.add_done_callback(lambda done: self._done.put((batch, done)))

    def wait(self, timeout: float) -> list[Finished]:
        """The batches that ended."""
        found: list[Finished] = []
        try:
            found.append(self._finished(*self._done.get(timeout=timeout)))
            while True:
                found.append(self._finished(*self._done.get_nowait()))
        except queue.Empty:
            return found

    def _finished(self, batch: Batch, future: ProcessFuture) -> Finished:
        from pebble import ProcessExpired

        self._running.pop(batch.number, None)
        try:
            return Finished(batch, future.result())
        except CancelledError:
            return Finished(batch, [], "cancelled", "stopped")
        except TimeoutError:
            seconds = batch.timeout or 0
            return Finished(batch, [], "timeout", f"took longer than {seconds:g} s", self._last_words(None))
        except ProcessExpired as error:
            return Finished(batch, [], "killed", _end(error.exitcode), self._last_words(error.pid))
        except Exception as error:
            return Finished(batch, [], "killed", f"the worker broke: {type(error).__name__}: {error}")

    def _last_words(self, pid: int | None) -> bytes:
        """The output of a worker that is gone; where its pid is not known, of the one that is gone and left some."""
        folder = self._layout.live_logs(self._owner)
        names = [f"{pid}.log"] if pid else sorted(os.listdir(folder)) if folder.exists() else []
        for name in names:
            path = folder / name
            if pid is None and _exists(int(path.stem)):
                continue
            with contextlib.suppress(OSError):
                log = path.read_bytes()
                path.unlink()
                return log
        return b""

    def output(self) -> bytes:
        """What the only worker printed since the last call; nothing where there are several."""
        if self.slots != 1:
            return b""
        folder = self._layout.live_logs(self._owner)
        for path in folder.glob("*.log") if folder.exists() else ():
            data = path.read_bytes()
            # A worker empties its file when a run is over: what is there then is new.
            start = self._shown if self._shown <= len(data) else 0
            self._shown = len(data)
            return data[start:]
        return b""

    def stop(self, *, kill: bool) -> None:
        """End the workers."""
        if kill:
            for future in list(self._running.values()):
                future.cancel()
            self._pool.stop()
        else:
            self._pool.close()
        self._pool.join()
        folder = self._layout.live_logs(self._owner)
        for path in folder.glob("*.log") if folder.exists() else ():
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _fork_server(context: Context) -> BaseContext:
    """A context whose workers are forked from a process that has loaded the study, once."""
    os.environ.update(threads.environment(1))
    os.environ[PRELOAD_VARIABLE] = json.dumps(
        {"study": asdict(context.study), "modules": list(context.preload), "main": False}
    )
    server = _Server()
    server.set_forkserver_preload(["quadrat.execution.preload"])
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


_worker: Worker | None = None


def _start_worker(context: Context) -> None:
    """In a new worker: leave Ctrl-C to the main process, end with it, catch the output."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()
    layout = Layout(Path(context.store))
    capture = Capture(layout.live_logs(context.owner) / f"{os.getpid()}.log")
    _worker = Worker(context, capture.take)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="quadrat-parent-watch").start()


def _execute(batch: Batch) -> list[Outcome]:
    if _worker is None:
        raise RuntimeError("the worker was not started")
    return _worker.execute(batch)


def _end(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = {"SIGKILL": " (out of memory, or killed by hand)", "SIGSEGV": " (a crash in compiled code)"}
        return f"the worker was killed by {name}{hint.get(name, '')}"
    return f"the worker ended with exit code {code}"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def preload_request() -> tuple[StudyRef | None, list[str]]:
    """What the fork server is to load: from its environment."""
    raw: dict[str, Any] = json.loads(os.environ.get(PRELOAD_VARIABLE, "{}"))
    study = raw.get("study")
    return (StudyRef(**study) if study else None), list(raw.get("modules", []))

"""The executor that runs everything in this process, one by one: for debuggers, notebooks and tests."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from typing import TextIO, cast

from quadrat.execution import threads
from quadrat.execution.base import Batch, Context, Finished, Progress
from quadrat.execution.capture import Tee
from quadrat.execution.worker import Worker


class InlineExecutor:
    """Runs batches in this process when `wait` is called. Time-outs are not enforced; prints go through as they come.

    Args:
        context: what all runs have in common.
        pdb: open a debugger where a task raises.
    """

    def __init__(self, context: Context, *, pdb: bool = False) -> None:
        self.slots = 1
        self.gpus = 0
        self._pdb = pdb
        self._parts: list[str] = []
        self._worker = Worker(context, self._take_log, post_mortem if pdb else None)
        self._queue: deque[Batch] = deque()
        self._at_work = False
        self._before = contextlib.ExitStack()
        self._before.enter_context(threads.as_before())
        threads.load_generators()

    def submit(self, batch: Batch) -> None:
        """Take a batch; it runs at the next `wait`."""
        self._queue.append(batch)

    def wait(self, timeout: float) -> list[Finished]:
        """Run the next batch."""
        if not self._queue:
            return []
        batch = self._queue.popleft()
        self._at_work = True
        try:
            with contextlib.ExitStack() as streams:
                if not self._pdb:
                    out, err = Tee(sys.stdout, self._parts), Tee(sys.stderr, self._parts)
                    streams.enter_context(contextlib.redirect_stdout(cast("TextIO", out)))
                    streams.enter_context(contextlib.redirect_stderr(cast("TextIO", err)))
                return [Finished(batch, self._worker.execute(batch))]
        finally:
            self._at_work = False

    def _take_log(self) -> bytes:
        text = "".join(self._parts)
        self._parts.clear()
        return text.encode(errors="backslashreplace")

    def progress(self) -> list[Progress]:
        """Nothing: while a run runs here, nobody asks."""
        return []

    def output(self) -> bytes:
        """Nothing: what tasks print is shown already."""
        return b""

    def abort(self) -> None:
        """Stop the task that runs, from inside a signal handler."""
        if self._at_work:
            raise KeyboardInterrupt

    def stop(self, *, kill: bool) -> None:
        """Forget what has not run, and give the process its threads back."""
        self._queue.clear()
        self._before.close()


def post_mortem(error: BaseException) -> None:
    """Show an exception and open a debugger in its frame."""
    import pdb  # noqa: T100  (this is what --pdb is for)
    import traceback

    traceback.print_exception(error)
    pdb.post_mortem(error.__traceback__)

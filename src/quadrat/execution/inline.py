"""The executor that runs everything in this process, one by one: for debuggers, notebooks and tests."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from typing import TextIO, cast

from quadrat.execution.base import Batch, Context, Finished
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
        self._tee = None if pdb else Tee(sys.stdout)
        take = self._tee.take if self._tee else bytes
        self._worker = Worker(context, take, post_mortem if pdb else None)
        self._queue: deque[Batch] = deque()

    def submit(self, batch: Batch) -> None:
        """Take a batch; it runs at the next `wait`."""
        self._queue.append(batch)

    def wait(self, timeout: float) -> list[Finished]:
        """Run the next batch."""
        if not self._queue:
            return []
        batch = self._queue.popleft()
        if self._tee is None:
            return [Finished(batch, self._worker.execute(batch))]
        stream = cast("TextIO", self._tee)
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            return [Finished(batch, self._worker.execute(batch))]

    def output(self) -> bytes:
        """Nothing: what tasks print is shown already."""
        return b""

    def stop(self, *, kill: bool) -> None:
        """Forget what has not run."""
        self._queue.clear()


def post_mortem(error: BaseException) -> None:
    """Show an exception and open a debugger in its frame."""
    import pdb
    import traceback

    traceback.print_exception(error)
    pdb.post_mortem(error.__traceback__)

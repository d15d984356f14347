"""The executor that hands batches to the workers of pilots, through Parsl."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from quadrat.execution.base import Batch, Context, Finished, Outcome, Progress
from quadrat.execution.pilots import parts
from quadrat.execution.pilots.pilots import Demand, Pilots
from quadrat.execution.pilots.profile import Profile
from quadrat.execution.pilots.remote import Answer, Setting, Told, work
from quadrat.store.layout import Layout

# Where the latest runs of a task all took less than this, its runs travel together: a message costs as much as a run.
QUICK_SECONDS = 0.05
FEW_RUNS, LATEST_RUNS = 4, 20
MOST_TOGETHER = 16
# Parcels of them for each worker: one that it is at, one that is on its way.
AHEAD = 2
# What Parsl raises when the node or the worker that was at something is gone.
_LOST = ("ManagerLost", "WorkerLost")


class PilotExecutor:
    """Runs batches in pilots' workers, each of which is a pool of one.

    Args:
        context: what all runs have in common.
        profile: where pilots come from.
        workers: on each node.
        gpus: devices of each node, to be given to them.
        limit: at most so many cpus' worth of runs at a time, or None.
        runs: how many there are to do, as far as is known: no more pilots are asked for than they fill.
        tell: told lines for the user.

    Raises:
        BadInput: where Parsl is missing, or does not take the profile.
    """

    def __init__(
        self,
        context: Context,
        profile: Profile,
        *,
        workers: int,
        gpus: int = 0,
        limit: int | None = None,
        runs: int = 1,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._profile = profile
        self._limit = limit
        self._left = runs
        self._tell = tell or (lambda line: None)
        paths = tuple(path or os.getcwd() for path in sys.path)
        self._setting = Setting(context, paths, workers, gpus, parts.walltime(profile))
        self._home = Layout(Path(context.store)).live_logs(context.owner)
        self._told = Told(context)
        self._waiting: list[Batch] = []
        self._parcels = self._busy = self._runs = 0
        self._out: dict[int, Batch] = {}
        self._took: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=LATEST_RUNS))
        self._events: queue.SimpleQueue[tuple[list[Batch], Future[list[Answer]]] | None] = queue.SimpleQueue()
        self._pilots = Pilots(profile, self._home, workers, lambda: self._events.put(None))
        self.slots = 1
        self.gpus = 0  # each worker has its own
        self._count()

    def submit(self, batch: Batch) -> None:
        """Take a batch; it is handed on at the next `wait`, together with others."""
        self._waiting.append(batch)
        self._busy += batch.cpus
        self._runs += len(batch.orders)
        self._pilots.start()

    def wait(self, timeout: float) -> list[Finished]:
        """The batches that ended."""
        self._count()
        self._hand_on()
        ended: list[Finished] = []
        with contextlib.suppress(queue.Empty):
            event = self._events.get(timeout=timeout)
            while True:
                if event is not None:
                    ended += self._take(*event)
                event = self._events.get_nowait()
        while self._pilots.said:
            self._tell(self._pilots.said.pop(0))
        if self._pilots.trouble:
            lost = [*self._out.values(), *self._waiting]
            self._waiting.clear()
            ended += [self._lose(batch, "broken", self._pilots.trouble) for batch in lost]
        return ended

    def progress(self) -> list[Progress]:
        """How far the running runs are, of those that tell."""
        return self._told.now() if self._out else []

    def output(self) -> bytes:
        """Nothing: several print at once, elsewhere."""
        return b""

    def abort(self) -> None:
        """Nothing to do in this process: the scheduler ends the pilots."""

    def stop(self, *, kill: bool) -> None:
        """End the pilots. Whatever runs in one ends with it: the scheduler has waited for what it wants to keep."""
        self._pilots.stop()
        while self._pilots.said:
            self._tell(self._pilots.said.pop(0))
        if self._pilots.trouble:
            return
        shutil.rmtree(self._home, ignore_errors=True)

    def _count(self) -> None:
        """How much may be handed out now, and what the sweep could use."""
        pilots = self._pilots
        cpus = (pilots.workers or pilots.expected) * self._profile.cpus
        self.slots = max(1, min(cpus, self._limit or cpus))
        wants_more = self._limit is None or cpus < self._limit
        pilots.demand = Demand(max(self._left, self._runs), wants_more and self._busy >= self.slots)

    def _hand_on(self) -> None:
        """Give what waits to Parsl; short runs several at a time, in as few parcels as keep all workers busy."""
        if not self._pilots.ready or self._pilots.trouble:
            return
        quick: list[Batch] = []
        parcels: list[list[Batch]] = []
        for batch in self._waiting:
            if self._is_quick(batch.task):
                quick.append(batch)
            else:
                parcels.append([batch])
        room = AHEAD * max(1, self._pilots.workers) - self._parcels
        if quick and room > 0:
            size = min(MOST_TOGETHER, -(-len(quick) // room))
            parcels += [quick[first : first + size] for first in range(0, len(quick), size)]
            quick = []
        self._waiting = quick
        for parcel in parcels:
            try:
                future = self._pilots.submit(work, self._setting, parcel)
            except Exception as error:  # noqa: BLE001  (Parsl's executor raises what has broken it)
                future = Future()
                future.set_exception(error)
            self._parcels += 1
            for batch in parcel:
                self._out[batch.number] = batch
            future.add_done_callback(lambda done, parcel=parcel: self._events.put((parcel, done)))  # type: ignore[misc]

    def _is_quick(self, task: str) -> bool:
        took = self._took[task]
        return len(took) >= FEW_RUNS and max(took) < QUICK_SECONDS

    def _take(self, parcel: Sequence[Batch], future: Future[list[Answer]]) -> list[Finished]:
        """The batches of a parcel that came back, or was lost."""
        self._parcels -= 1
        error = future.exception()
        if error is None:
            return [self._finish(answer) for answer in future.result() if answer.number in self._out]
        lost = [batch for batch in parcel if batch.number in self._out]
        if type(error).__name__ in _LOST:
            self._tell("pilots: one was lost; what it was at begins again")
            detail = f"the pilot was lost that was at it (node down, out of memory, cancelled, time over): {error}"
            return [self._lose(batch, "killed", detail, again=True) for batch in lost]
        why = self._pilots.trouble or f"a pilot's worker cannot run this: {type(error).__name__}: {error}"
        return [self._lose(batch, "broken", why) for batch in lost]

    def _finish(self, answer: Answer) -> Finished:
        batch = self._over(self._out[answer.number])
        self._left -= len(batch.orders)
        self._took[batch.task].extend(one.seconds for one in answer.outcomes)
        return Finished(batch, answer.outcomes, answer.lost, answer.detail, answer.log)

    def _lose(self, batch: Batch, lost: str, detail: str, *, again: bool = False) -> Finished:
        """A batch that nothing was heard of; `again` says that its runs are not to blame."""
        self._over(batch)
        outcomes = [Outcome(order.id, again=True) for order in batch.orders] if again else []
        return Finished(batch, outcomes, lost, detail)

    def _over(self, batch: Batch) -> Batch:
        self._out.pop(batch.number, None)
        self._busy -= batch.cpus
        self._runs -= len(batch.orders)
        return batch

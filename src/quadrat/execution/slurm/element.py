"""What runs on a node: one element of an array, a warm worker that does its share of a frozen plan.

python -m quadrat.execution.slurm.element SUBMISSION ARRAY

It tells the ledger that it has begun and how it ended. Told that its time is nearly over, it begins no further run,
lets the running ones end or write their checkpoints, and goes back into the queue where it got on and the site allows.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from quadrat.core.errors import QuadratError
from quadrat.execution.base import Context
from quadrat.execution.devices import visible_devices
from quadrat.execution.pool import PoolExecutor
from quadrat.execution.share import FrozenPlan, Part, run_part
from quadrat.execution.slurm import client
from quadrat.execution.slurm.ledger import Submission, Told
from quadrat.execution.slurm.site import inside
from quadrat.execution.tally import Tally
from quadrat.store.store import Store

if TYPE_CHECKING:
    from quadrat.execution.scheduler import Scheduler

MOST_RESTARTS = 50
SAY_SECONDS = 60.0
HEARD = {
    "SIGUSR1": "its time is nearly over: it begins no further run",
    "SIGUSR2": "it was asked to begin no further run",
}


class Element:
    """One element.

    Args:
        submission: its submission.
        number: of its array.
        element: of the array.
    """

    def __init__(self, submission: Submission, number: int, element: int) -> None:
        self._submission = submission
        self._number = number
        self._element = element
        self._node = os.environ.get("SLURMD_NODENAME", "")
        self._scheduler: Scheduler | None = None
        self._executor: PoolExecutor | None = None
        self._job = inside()
        self._stop = ""
        self._grace = float(submission.told.get("grace", 30.0))

    def run(self) -> int:
        """Do the share; returns the exit code."""
        self._tell("begun")
        for name in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(name, self._handle)
        try:
            store = Store(self._submission.folder.parents[2])
            plan = FrozenPlan(store, self._submission.plan)
            missing = self._canary(plan)
            if missing:
                self._tell("ended", 1, f"the canary failed: {missing} of its runs are not finished")
                return 1
            share = self._submission.arrays[self._number].shares[self._element]
            part = plan.part(self._submission.runs_of(share))
            tally = run_part(
                part,
                self._make,
                listen=_Printer(part),
                begun=self._begun,
                deadline=self._job.end if self._job else None,
                grace=self._grace * 0.5,
            )
        except QuadratError as error:
            _say(f"error: {error}")
            self._tell("ended", error.exit_code, str(error))
            return error.exit_code
        except BaseException as error:
            self._tell("ended", 1, f"{type(error).__name__}: {error}")
            raise
        return self._end(part, tally)

    def _canary(self, plan: FrozenPlan) -> int:
        """How many runs of the canary, if there is one that goes first, are not finished."""
        canary = self._submission.told.get("canary")
        if canary is None or canary == self._number:
            return 0
        runs = self._submission.runs_of(self._submission.arrays[canary].shares[0])
        ids = [plan.frozen.tasks[name].ids[place].tobytes() for name, places in runs.items() for place in places]
        return int((plan.store.look_at(ids).find(ids) < 0).sum())

    def _make(self, context: Context) -> PoolExecutor:
        jobs = int(self._submission.told.get("parallel", 1))
        cpus = int(self._submission.told["cpus"][self._number])
        self._executor = PoolExecutor(context, jobs * cpus, visible_devices())
        return self._executor

    def _begun(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        if self._stop:
            scheduler.interrupt()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """A signal.

        The time is nearly over (USR1), nothing more is wanted (USR2), the job is to go now (TERM), or its runs had time
        enough to end (ALRM).
        """
        if number == signal.SIGALRM:
            if self._scheduler is not None:
                self._scheduler.interrupt()
            return
        first = not self._stop
        self._stop = self._stop or signal.Signals(number).name
        if first:
            os.write(2, f"{HEARD.get(self._stop, f'it is told to end: {self._stop}')}\n".encode())
        if number == signal.SIGUSR1 and first:
            # The end comes whether the runs are done or not; to go back into the queue takes a moment before it.
            signal.setitimer(signal.ITIMER_REAL, max(0.1, self._left() * 0.7))
        if number in (signal.SIGTERM, signal.SIGINT):
            # What is killed anyway in a moment is better stopped by us: then nothing of it is left lying about.
            signal.setitimer(signal.ITIMER_REAL, max(0.1, self._grace * 0.6))
            if self._executor is not None:
                self._executor.hurry()
        if first and self._scheduler is not None:
            self._scheduler.interrupt()

    def _left(self) -> float:
        """Seconds until the allocation ends, after it was said that this is soon."""
        warned = float(self._submission.told.get("warn_seconds", 60))
        end = self._job.end if self._job is not None else None
        return warned if end is None else min(warned, end - time.time())

    def _end(self, part: Part, tally: Tally) -> int:
        left = sum(tally.total.values()) - sum(tally.done.values()) - sum(tally.failed.values())
        blocked = sum(tally.blocked.values())
        counts = {"done": sum(tally.done.values()), "failed": sum(tally.failed.values()), "blocked": blocked}
        texts = {"": "", "SIGUSR1": "its time was over", "SIGUSR2": "it was asked to begin nothing more"}
        text = texts.get(self._stop, f"it was stopped by {self._stop}")
        if blocked and not self._stop:
            text = f"{blocked} runs could not run: something that they read is not finished"
        code = 0 if not left and not counts["failed"] else 1
        if self._stop == "SIGUSR1" and left and self._requeued(part, counts["done"]):
            text, code = "its time was over: it went back into the queue", 0
        self._tell("ended", code, text, left, counts)
        return code

    def _requeued(self, part: Part, done: int) -> bool:
        """Go back into the queue, where this element got on at all and the site allows it."""
        site = self._submission.told.get("site", {})
        scratch = part.whole.store.layout.scratch
        checkpoints = any(scratch(part.plan.tasks[name].ids[place].hex()).exists() for name, place in part.mine)
        restarts = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
        if not site.get("requeue", True) or not (done or checkpoints) or restarts >= MOST_RESTARTS:
            return False
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
        self._tell("requeued", 0, "its time was over: it goes back into the queue")
        try:
            client.requeue(job)
        except QuadratError as error:
            _say(f"it cannot go back into the queue: {error}")
            return False
        return True

    def _tell(
        self, state: str, code: int | None = None, text: str = "", left: int = 0, counts: dict[str, int] | None = None
    ) -> None:
        told = Told(state, self._node, time.time(), code, left, text, counts or {})
        self._submission.tell(self._number, self._element, told)


class _Printer:
    """Says in the element's log what fails, and now and then how far it is."""

    def __init__(self, part: Part) -> None:
        self._last = time.monotonic()
        self._total = len(part.mine)

    def __call__(self, event: str, value: Any) -> None:
        if event == "failed":
            _say(f"FAILED run {value.id[:12]} of {value.task}: {value.message}")
        elif event == "tick" and time.monotonic() - self._last > SAY_SECONDS:
            self._last = time.monotonic()
            _say(f"{sum(value.done.values()):,} of {self._total:,} runs done")


def _say(text: str) -> None:
    """A line in the element's log."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> None:
    """Run the element that the environment and the command line name."""
    submission = Submission(Path(sys.argv[1]))
    sys.exit(Element(submission, int(sys.argv[2]), int(os.environ["SLURM_ARRAY_TASK_ID"])).run())


if __name__ == "__main__":
    main()

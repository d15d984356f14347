"""What a worker does: run after run, or batch after batch, in one process that stays warm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from quadrat.core.loading import load_study
from quadrat.core.result import Failed
from quadrat.core.task import Batched, Task
from quadrat.execution import threads
from quadrat.execution.attempt import Attempt, Bench
from quadrat.execution.base import Batch, Context, Order, Outcome
from quadrat.execution.provenance import host
from quadrat.execution.reading import Reader
from quadrat.execution.trouble import Told
from quadrat.store.layout import Layout


class Worker:
    """Runs batches of one session in this process. Keeps the study and the upstreams that it has read.

    Args:
        context: what all runs have in common.
        take_log: gives what was printed since it was last asked.
        on_error: called in the frame of an exception of the user's, for a debugger.
        on_progress: told how far a run is: id, done, total, text.

    Raises:
        QuadratError: where the study does not load.
    """

    def __init__(
        self,
        context: Context,
        take_log: Callable[[], bytes] = lambda: b"",
        on_error: Callable[[BaseException], None] | None = None,
        on_progress: Callable[[str, float, float | None, str], None] | None = None,
    ) -> None:
        layout = Layout(Path(context.store))
        self._study = load_study(context.study).study
        reader = Reader(self._study, layout)
        self._bench = Bench(context, self._study, layout, reader, host(), take_log, on_error, on_progress)

    def execute(self, batch: Batch) -> list[Outcome]:
        """Do the runs of a batch; never raises for what a task does, nor for what has become of the store."""
        threads.limit(batch.cpus)
        task = self._study.tasks[batch.task]
        if task.batched is None or len(batch.orders) == 1:
            return [self._one(task, order, batch) for order in batch.orders]
        return self._many(task, task.batched, batch)

    def rehearse(self, batch: Batch) -> Outcome:
        """Do the one run of a batch without committing it; what it wrote is thrown away."""
        threads.limit(batch.cpus)
        order = batch.orders[0]
        attempt = Attempt(self._bench, self._study.tasks[batch.task], order, None, batch.gpus)
        try:
            attempt.check(attempt.call())
            return Outcome(order.id)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a task raises is the run's failure)
            if self._bench.on_error is not None:
                self._bench.on_error(error)
            return Outcome(order.id, failure=attempt.failure(error, b""))
        finally:
            attempt.abandon()

    def _one(self, task: Task, order: Order, batch: Batch) -> Outcome:
        attempt = Attempt(self._bench, task, order, batch.timeout, batch.gpus)
        try:
            return attempt.commit(attempt.call())
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a task raises is the run's failure)
            return attempt.failed(error)
        finally:
            attempt.abandon()

    def _many(self, task: Task, batched: Batched, batch: Batch) -> list[Outcome]:
        """Do runs by the task's batched form; each is committed as it is yielded."""
        attempts = [Attempt(self._bench, task, order, batch.timeout, batch.gpus) for order in batch.orders]
        outcomes: list[Outcome] = []
        try:
            by_run: dict[int, Attempt] = {}
            for run, result in batched.function(**self._together(task, attempts, by_run)):
                attempt = by_run.pop(id(run), None)
                if attempt is None:
                    raise RuntimeError(
                        f"the batched form of '{task.name}' yielded a run that is none of its own, or twice"
                    )
                if isinstance(result, Failed):
                    outcomes.append(attempt.failed(Told(result.reason)))
                else:
                    outcomes.append(attempt.commit(result, shared=len(attempts)))
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a task raises is the runs' failure)
            # Whose fault it is cannot be told from here: what is left is tried one by one.
            for attempt in attempts:
                attempt.abandon()
            if self._bench.on_error is not None:
                self._bench.on_error(error)
            done = {outcome.id for outcome in outcomes}
            return outcomes + [self._one(task, one, batch) for one in batch.orders if one.id not in done]
        finally:
            for attempt in attempts:
                attempt.abandon()
        silent = Told(f"the batched form of '{task.name}' yielded no result for this run")
        return outcomes + [attempt.failed(silent) for attempt in by_run.values()]

    def _together(self, task: Task, attempts: list[Attempt], by_run: dict[int, Attempt]) -> dict[str, Any]:
        """The arguments of a batched form; fills `by_run`."""
        arguments, *_ = [attempt.prepare() for attempt in attempts]
        own = [task.arguments(attempt.point) for attempt in attempts]
        for name in task.signature.models:
            arguments[name] = [one[name] for one in own]
        arguments["runs"] = [attempt.run for attempt in attempts]
        by_run |= {id(attempt.run): attempt for attempt in attempts}
        threads.reset_generators()
        for attempt in attempts:
            attempt.meter.start()
        return arguments

"""One attempt at one run: stage it, call the task, and commit what came out or keep what went wrong."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic_core

from quadrat.core.faults import reached
from quadrat.core.result import Done, Many, split_nonfinite
from quadrat.core.run import CURVE_FILE, Run
from quadrat.core.study import Study
from quadrat.core.task import Point, Task
from quadrat.execution import threads
from quadrat.execution.base import Context, Order, Outcome, Ref, is_group, is_one
from quadrat.execution.capture import TAIL_BYTES, tail
from quadrat.execution.measure import Meter
from quadrat.execution.provenance import devices
from quadrat.execution.reading import Reader
from quadrat.execution.results import jsonable, result_digest, sort_result
from quadrat.execution.trouble import Told, explanation, is_store_full, kind_of, one_line
from quadrat.store import failures
from quadrat.store.commit import commit, discard, disk_error, stage
from quadrat.store.failures import Failure
from quadrat.store.layout import Layout
from quadrat.store.record import LOG_FILE, Artifact, Read, Record


@dataclass(frozen=True)
class Bench:
    """What the attempts of one worker share.

    Attributes:
        context: what all runs of the session have in common.
        study, layout, reader: the study, the store, and the finished runs in it.
        host: this machine's name.
        take_log: gives what was printed since it was last asked.
        on_error: called with an exception of the user's, for a debugger; or None.
        on_progress: told how far a run is: id, done, total, text; or None.
    """

    context: Context
    study: Study
    layout: Layout
    reader: Reader
    host: str
    take_log: Callable[[], bytes]
    on_error: Callable[[BaseException], None] | None = None
    on_progress: Callable[[str, float, float | None, str], None] | None = None


class Attempt:
    """One attempt at one run, from its staging folder to its commit.

    Args:
        bench: what the worker shares.
        task: the task; order: the run.
        timeout: after how many seconds the run is stopped, or None.
        gpus: how many devices it asked for: as configured, not as the task declares.
    """

    def __init__(self, bench: Bench, task: Task, order: Order, timeout: float | None, gpus: float) -> None:
        self.order = order
        self.meter = Meter()
        self.meter.start()
        self._bench = bench
        self._task = task
        self._timeout = timeout
        self._gpus = gpus
        self._read: list[Read] = []
        self._chain: dict[str, Any] = {}
        self._staging: Path | None = None

    def prepare(self) -> dict[str, Any]:
        """Stage, read the upstreams, and make the run's handle; returns the upstream arguments."""
        bench, order = self._bench, self.order
        self.point: Point = self._task.point(pydantic_core.from_json(order.params))
        nonce = bench.layout.nonce(bench.host, os.getpid())
        staging = stage(bench.layout, order.id, bench.context.owner, nonce)
        self._staging = staging
        arguments = self._upstreams()
        report = bench.on_progress
        self.run = Run(
            order.id,
            staging,
            bench.layout.scratch(order.id),
            seed=self._seed(),
            previous=self._previous(),
            attempt=order.attempt,
            deadline=self._deadline(),
            on_progress=None if report is None else lambda done, total, text: report(order.id, done, total, text),
        )
        if self.run.previous is not None and order.previous is not None:
            curve = bench.layout.run(*order.previous) / CURVE_FILE
            if curve.is_file():  # the curve of a run that continues another is as if from scratch
                shutil.copyfile(curve, staging / CURVE_FILE)
        return arguments

    def call(self) -> Any:
        """Prepare, and call the task's function."""
        arguments = self.prepare() | self._task.arguments(self.point)
        if self._task.signature.run:
            arguments[self._task.signature.run] = self.run
        threads.reset_generators()
        self.meter.start()
        return self._task.function(**arguments)

    def check(self, result: Any) -> None:
        """Check a result as a commit would."""
        if self._staging is not None:
            sort_result(self._task, result, self._staging)

    def _upstreams(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name, refs in self.order.inputs:
            if is_group(refs):
                group = self.order.group.get(name, {})
                members = [self._upstream(ref) for ref in refs]
                arguments[name] = Many(members, group, self.order.dropped.get(name, 0))
                self._chain |= group
            elif is_one(refs):
                arguments[name] = self._upstream(refs)
                self._chain |= arguments[name].chain
            else:
                arguments[name] = None
        return arguments

    def _upstream(self, ref: Ref) -> Done[Any, Any]:
        record, done = self._bench.reader.read(ref)
        self._read.append(Read(record.id, record.attempt, record.digest))
        return done

    def _previous(self) -> Done[Any, Any] | None:
        """The shorter run to continue from; None where it, or a file of it, is gone meanwhile: from scratch then."""
        ref = self.order.previous
        if ref is None:
            return None
        try:
            record, done = self._bench.reader.read(ref)
        except Exception:  # noqa: BLE001  (a shorter run that does not fit the present types is none to continue from)
            return None
        folder = self._bench.layout.run(*ref)
        whole = all((folder / artifact.path).exists() for artifact in record.artifacts.values())
        return done if whole else None

    def _deadline(self) -> float | None:
        """When the run will be stopped: at its time-out, or with the machine."""
        ends = [] if self._timeout is None else [time.time() + self._timeout]
        if self._bench.context.deadline is not None:
            ends.append(self._bench.context.deadline)
        return min(ends, default=None)

    def _seed(self) -> Callable[[], Any] | None:
        """Where the run's seeds come from: its own parameter `seed`, else the one that its chain has."""
        if "seed" in self._task.fields:
            return lambda: self.point.get("seed")
        seeds = {key: value for key, value in self._chain.items() if key.rpartition(".")[2] == "seed"}
        if len(seeds) == 1:
            value = next(iter(seeds.values()))
            return lambda: value
        return None

    def commit(self, result: Any, shared: int = 1) -> Outcome:
        """Check the result, write its record, publish the run.

        Args:
            result: what the task returned.
            shared: how many runs the measured time is for.
        """
        bench, staging = self._bench, self._staging
        if staging is None:
            raise RuntimeError("prepare() was not called")
        reached("commit.computed")
        self.run.flush()
        seconds, cpu_seconds, peak = self.meter.stop()
        metrics, artifacts = sort_result(self._task, result, staging)
        log = bench.take_log()
        if len(log) > TAIL_BYTES:
            (staging / LOG_FILE).write_bytes(log)
        record = self._record(metrics, artifacts, log, (seconds / shared, cpu_seconds / shared, peak))
        kept, ours = commit(bench.layout, staging, record, durable=bench.context.durable)
        self._staging = None
        scratch = bench.layout.scratch(record.id)
        if scratch.exists():
            discard(scratch)
        return Outcome(kept.id, int(kept.digest[:16], 16), kept.attempt, seconds / shared, elsewhere=not ours)

    def _record(
        self,
        metrics: dict[str, Any],
        artifacts: dict[str, Artifact],
        log: bytes,
        measured: tuple[float, float, int],
    ) -> Record:
        bench, order, task = self._bench, self.order, self._task
        finite, odd = split_nonfinite(metrics)
        seconds, cpu_seconds, peak = measured
        return Record(
            id=order.id,
            study=bench.study.name,
            task=task.name,
            version=task.version,
            attempt=order.attempt,
            params=pydantic_core.from_json(order.params),
            inputs=order.input_ids,
            read=self._read,
            metrics=finite,
            artifacts=artifacts,
            digest=result_digest(metrics, artifacts),
            nonfinite=odd,
            code=bench.context.codes.get(task.name, ""),
            environment=bench.context.environment,
            git=bench.context.git,
            host=bench.host,
            pid=os.getpid(),
            started=self.meter.began,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            peak_memory=peak,
            devices=devices(self._gpus),
            seeds=dict(self.run.seeds),
            log=tail(log),
            plan=bench.context.plan,
            family=order.family,
            length=float(self.point.get(task.extends)) if task.extends else None,
            continued=self.run.previous.id if self.run.previous else "",
            group=next(iter(order.group.values()), {}),
            dropped=sum(order.dropped.values()),
            chain=jsonable(self._chain),
        )

    def failed(self, error: BaseException) -> Outcome:
        """Clean up after an exception, keep a record of it, and tell."""
        bench, order = self._bench, self.order
        if bench.on_error is not None and not isinstance(error, Told):
            bench.on_error(error)
        seconds, _, _ = self.meter.stop()
        gone = self._staging is not None and not self._staging.exists()
        full = is_store_full(error, bench.layout)
        self.abandon()
        if full:
            return Outcome(order.id, fatal=str(disk_error(_as_disk_error(error), bench.layout)))
        log = bench.take_log()
        if gone and bench.layout.runs.is_dir():
            return Outcome(order.id, seconds=seconds, again=True)
        failure = self.failure(error, log)
        try:
            failures.write(bench.layout, failure, log if len(log) > TAIL_BYTES else b"")
        except OSError as problem:
            return Outcome(order.id, fatal=str(disk_error(problem, bench.layout)))
        return Outcome(order.id, seconds=seconds, failure=failure)

    def failure(self, error: BaseException, log: bytes) -> Failure:
        """The record of a failure."""
        bench, order = self._bench, self.order
        return Failure(
            id=order.id,
            study=bench.study.name,
            task=self._task.name,
            params=dict(pydantic_core.from_json(order.params)),
            kind=kind_of(error),
            message=one_line(error),
            traceback=explanation(error),
            log=tail(log),
            tries=order.tries + 1,
            seconds=self.meter.stop()[0],
            host=bench.host,
            at=time.time(),
            code=bench.context.codes.get(self._task.name, ""),
            rerun=bench.context.command.format(id=order.id[:12]),
            chain=jsonable(self._chain),
            inputs=order.input_ids,
            group=order.group,
            plan=bench.context.plan,
        )

    def abandon(self) -> None:
        """Take the staging folder away."""
        if self._staging is not None:
            discard(self._staging)
            self._staging = None


def _as_disk_error(error: BaseException) -> OSError:
    """What a library made of a full disk, as the error of the system that it was."""
    import errno

    return error if isinstance(error, OSError) else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

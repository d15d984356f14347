"""What a worker does: read the upstreams, call the task, commit what came out."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic_core

from quadrat.core.content import sha256, size
from quadrat.core.errors import QuadratError
from quadrat.core.faults import reached
from quadrat.core.identity import digest, encode
from quadrat.core.loading import load_study
from quadrat.core.names import Names
from quadrat.core.result import Done, Failed, File, Many, Result, plain_scalar, split_nonfinite
from quadrat.core.run import Run
from quadrat.core.study import Study
from quadrat.core.task import Point, Task
from quadrat.execution import threads
from quadrat.execution.base import Batch, Context, Order, Outcome, Ref
from quadrat.execution.capture import TAIL_BYTES, tail
from quadrat.execution.measure import Meter
from quadrat.store import failures
from quadrat.store.commit import commit, discard, disk_error, stage
from quadrat.store.failures import Failure
from quadrat.store.layout import Layout
from quadrat.store.record import LOG_FILE, Artifact, Read, Record

CACHE = 4096


class Worker:
    """Runs batches of one session in this process. Keeps the study and the upstreams that it has read.

    Args:
        context: what all runs have in common.
        take_log: gives what was printed since it was last asked.
        on_error: called in the frame of an exception of the user's, for a debugger.
    """

    def __init__(
        self,
        context: Context,
        take_log: Callable[[], bytes] = lambda: b"",
        on_error: Callable[[BaseException], None] | None = None,
        on_progress: Callable[[str, float, float | None, str], None] | None = None,
    ) -> None:
        self.context = context
        self.layout = Layout(Path(context.store))
        self.study: Study = load_study(context.study).study
        self.names = Names(self.study)
        self._take_log = take_log
        self._on_error = on_error
        self._on_progress = on_progress
        self._records: OrderedDict[Ref, tuple[Record, Done[Any, Any]]] = OrderedDict()
        self._host = socket.gethostname()

    def execute(self, batch: Batch) -> list[Outcome]:
        """Do the runs of a batch; never raises for what a task does."""
        threads.limit(batch.cpus)
        task = self.study.tasks[batch.task]
        if len(batch.orders) == 1:
            return [self._one(task, batch.orders[0], batch)]
        return self._many(task, batch)

    def _one(self, task: Task, order: Order, batch: Batch) -> Outcome:
        attempt = _Attempt(self, task, order, batch.timeout)
        try:
            return attempt.commit(attempt.call())
        except KeyboardInterrupt:
            attempt.abandon()
            raise
        except Exception as error:
            return attempt.failed(error)

    def rehearse(self, batch: Batch) -> Outcome:
        """Do the one run of a batch without committing it; what it wrote is thrown away."""
        threads.limit(batch.cpus)
        order = batch.orders[0]
        attempt = _Attempt(self, self.study.tasks[batch.task], order, None)
        try:
            attempt.check(attempt.call())
            return Outcome(order.id)
        except Exception as error:
            if self._on_error is not None:
                self._on_error(error)
            return Outcome(order.id, failure=attempt.failure(error, b""))
        finally:
            attempt.abandon()

    def _many(self, task: Task, batch: Batch) -> list[Outcome]:
        """Do runs by the task's batched form; each is committed as it is yielded."""
        batched = task.batched
        if batched is None:
            return [self._one(task, order, batch) for order in batch.orders]
        attempts = [_Attempt(self, task, order, batch.timeout) for order in batch.orders]
        by_run: dict[int, _Attempt] = {}
        outcomes: list[Outcome] = []
        try:
            prepared = [attempt.prepare() for attempt in attempts]
            arguments: dict[str, Any] = prepared[0]
            for name in task.signature.models:
                arguments[name] = [task.arguments(attempt.point)[name] for attempt in attempts]
            arguments["runs"] = [attempt.run for attempt in attempts]
            by_run = {id(attempt.run): attempt for attempt in attempts}
            threads.reset_generators()
            for attempt in attempts:
                attempt.meter.start()
            for run, result in batched.function(**arguments):
                attempt = by_run.pop(id(run))
                if isinstance(result, Failed):
                    outcomes.append(attempt.failed(_Told(result.reason)))
                else:
                    outcomes.append(attempt.commit(result, shared=len(attempts)))
        except Exception as error:
            # Whose fault it is cannot be told from here: what is left is tried one by one.
            for attempt in attempts:
                attempt.abandon()
            if self._on_error is not None:
                self._on_error(error)
            done = {outcome.id for outcome in outcomes}
            outcomes += [self._one(task, order, batch) for order in batch.orders if order.id not in done]
            return outcomes
        for attempt in by_run.values():
            outcomes.append(attempt.failed(_Told(f"the batched form of '{task.name}' yielded no result for this run")))
        return outcomes

    def read(self, ref: Ref) -> tuple[Record, Done[Any, Any]]:
        """A finished run, as record and as a task sees it."""
        found = self._records.get(ref)
        if found is None:
            record = Record.load(self.layout.run(*ref))
            found = (record, self.done(record))
            self._records[ref] = found
            if len(self._records) > CACHE:
                self._records.popitem(last=False)
        return found

    def done(self, record: Record) -> Done[Any, Any]:
        """A finished run with its typed params and result."""
        return done_run(self.study, self.names, self.layout, record)


class _Told(Exception):
    """A failure that a batched form told of."""


class _Attempt:
    """One attempt at one run, from its staging folder to its commit."""

    def __init__(self, worker: Worker, task: Task, order: Order, timeout: float | None) -> None:
        self._worker = worker
        self._task = task
        self._order = order
        self._read: list[Read] = []
        self._chain: dict[str, Any] = {}
        self._staging: Path | None = None
        self._timeout = timeout
        self.meter = Meter()
        self.meter.start()

    def prepare(self) -> dict[str, Any]:
        """Stage, read the upstreams, and make the run's handle; returns the upstream arguments."""
        worker, task, order = self._worker, self._task, self._order
        self.point: Point = task.point(pydantic_core.from_json(order.params))
        self._staging = stage(worker.layout, order.id, worker.context.owner, secrets.token_hex(4))
        arguments: dict[str, Any] = {}
        for name, refs in order.inputs:
            if refs is None:
                arguments[name] = None
            elif refs and isinstance(refs[0], tuple):
                members = [self._upstream(ref) for ref in refs]  # type: ignore[arg-type]
                group = order.group.get(name, {})
                arguments[name] = Many(members, group, order.dropped.get(name, 0))
                self._chain |= group
            elif refs == ():
                arguments[name] = Many([], order.group.get(name, {}))
            else:
                done = self._upstream(refs)  # type: ignore[arg-type]
                arguments[name] = done
                self._chain |= done.chain
        previous = self._previous()
        deadline = None if self._timeout is None else time.time() + self._timeout
        report = worker._on_progress
        self.run = Run(
            order.id,
            self._staging,
            worker.layout.scratch(order.id),
            seed=self._seed(),
            previous=previous,
            attempt=order.attempt,
            deadline=deadline,
            on_progress=None if report is None else lambda done, total, text: report(order.id, done, total, text),
        )
        return arguments

    def call(self) -> Any:
        """Prepare, and call the task's function."""
        task = self._task
        arguments = self.prepare() | task.arguments(self.point)
        if task.signature.run:
            arguments[task.signature.run] = self.run
        threads.reset_generators()
        self.meter.start()
        return task.function(**arguments)

    def check(self, result: Any) -> None:
        """Check a result as a commit would."""
        if self._staging is not None:
            self._result(result, self._staging)

    def _upstream(self, ref: Ref) -> Done[Any, Any]:
        record, done = self._worker.read(ref)
        self._read.append(Read(record.id, record.attempt, record.digest))
        return done

    def _previous(self) -> Done[Any, Any] | None:
        """The shorter run to continue from; where it is gone meanwhile, the run starts from scratch."""
        if self._order.previous is None:
            return None
        try:
            return self._worker.read(self._order.previous)[1]
        except (OSError, ValueError, TypeError):
            return None

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
        """Check the result, write its record, publish the run."""
        worker, order = self._worker, self._order
        staging = self._staging
        if staging is None:
            raise RuntimeError("prepare() was not called")
        reached("commit.computed")
        self.run.flush()
        seconds, cpu_seconds, peak = self.meter.stop()
        metrics, artifacts = self._result(result, staging)
        finite, odd = split_nonfinite(metrics)
        log = worker._take_log()
        if len(log) > TAIL_BYTES:
            (staging / LOG_FILE).write_bytes(log)
        extends = self._task.extends
        record = Record(
            id=order.id,
            study=worker.study.name,
            task=self._task.name,
            version=self._task.version,
            attempt=order.attempt,
            params=pydantic_core.from_json(order.params),
            inputs=order_inputs(order),
            read=self._read,
            metrics=finite,
            artifacts=artifacts,
            digest=result_digest(metrics, artifacts),
            nonfinite=odd,
            code=worker.context.codes.get(self._task.name, ""),
            environment=worker.context.environment,
            git=worker.context.git,
            host=worker._host,
            pid=os.getpid(),
            started=self.meter.began,
            seconds=seconds / shared,
            cpu_seconds=cpu_seconds / shared,
            peak_memory=peak,
            seeds=dict(self.run.seeds),
            log=tail(log),
            plan=worker.context.plan,
            family=order.family,
            length=float(self.point.get(extends)) if extends else None,
            continued=self.run.previous.id if self.run.previous else "",
            group=next(iter(order.group.values()), {}),
            dropped=sum(order.dropped.values()),
            chain=jsonable(self._chain),
        )
        won = commit(worker.layout, staging, record, durable=worker.context.durable)
        self._staging = None
        if self.run._scratch.exists():
            discard(self.run._scratch)
        return Outcome(order.id, int(record.digest[:16], 16), order.attempt, seconds / shared, elsewhere=not won)

    def _result(self, result: Any, staging: Path) -> tuple[dict[str, Any], dict[str, Artifact]]:
        """The metrics and artifacts of what a task returned."""
        wanted = self._task.signature.result
        if isinstance(result, Result):
            values = {name: getattr(result, name) for name in type(result).model_fields}
        elif isinstance(result, dict):
            values = result
        elif result is None:
            values = {}
        else:
            raise TypeError(f"task '{self._task.name}' returned {type(result).__name__}; return a qd.Result or a dict")
        if wanted is not None and not isinstance(result, wanted):
            values = {name: getattr(wanted(**values), name) for name in wanted.model_fields}
        metrics: dict[str, Any] = {}
        artifacts: dict[str, Artifact] = {}
        for name, value in values.items():
            value = plain_scalar(value)
            if isinstance(value, File):
                artifacts[name] = self._artifact(name, value, staging)
            elif isinstance(value, bool | int | float | str | None):
                metrics[str(name)] = value
            else:
                raise TypeError(
                    f"task '{self._task.name}' returned {type(value).__name__} as '{name}'; "
                    "a metric is a scalar, anything larger a file made with run.file(…)"
                )
        return metrics, artifacts

    def _artifact(self, name: str, path: File, staging: Path) -> Artifact:
        if not path.is_relative_to(staging):
            raise ValueError(f"artifact '{name}' lies at '{path}', outside the run; make it with run.file(…)")
        if not path.exists():
            raise FileNotFoundError(f"artifact '{name}' was not written: there is no file '{path.name}'")
        temp = name in self._task.temps or type(path).__name__ == "Temp"
        for part in path.rglob("*") if path.is_dir() else [path]:
            if part.is_file():
                part.chmod(0o444)  # views are links to it: a write through one would change the run
        return Artifact(path.relative_to(staging).as_posix(), size(path), sha256(path), temp)

    def failed(self, error: BaseException) -> Outcome:
        """Clean up after an exception, keep a record of it, and tell."""
        worker = self._worker
        if worker._on_error is not None and not isinstance(error, _Told):
            worker._on_error(error)
        self.abandon()
        seconds, _, _ = self.meter.stop()
        if isinstance(error, OSError) and _is_store_full(error, worker.layout):
            return Outcome(self._order.id, fatal=str(disk_error(error, worker.layout)))
        log = worker._take_log()
        failure = self.failure(error, log)
        try:
            failures.write(worker.layout, failure, log if len(log) > TAIL_BYTES else b"")
        except OSError as problem:
            return Outcome(self._order.id, fatal=str(disk_error(problem, worker.layout)))
        return Outcome(self._order.id, seconds=seconds, failure=failure)

    def failure(self, error: BaseException, log: bytes) -> Failure:
        """The record of a failure."""
        worker, order = self._worker, self._order
        return Failure(
            id=order.id,
            study=worker.study.name,
            task=self._task.name,
            params=json.loads(order.params),
            kind="memory" if isinstance(error, MemoryError) or _device_memory(error) else "error",
            message=_one_line(error),
            traceback="" if isinstance(error, _Told) else user_traceback(error),
            log=tail(log),
            seconds=self.meter.stop()[0],
            host=worker._host,
            at=time.time(),
            code=worker.context.codes.get(self._task.name, ""),
            rerun=worker.context.command.format(id=order.id[:12]),
            chain=jsonable(self._chain),
            inputs=order_inputs(order),
            group=order.group,
            plan=worker.context.plan,
        )

    def abandon(self) -> None:
        """Take the staging folder away."""
        if self._staging is not None:
            discard(self._staging)
            self._staging = None


def done_run(study: Study, names: Names, layout: Layout, record: Record) -> Done[Any, Any]:
    """A finished run with its typed params and result, from its record."""
    task = study.tasks.get(record.task)
    folder = layout.run(record.id, record.attempt)
    files = {name: folder / artifact.path for name, artifact in record.artifacts.items()}
    if task is None:
        return Done(record.id, record.params, {**record.scalars, **files}, record.chain)
    point = task.point(record.params)
    own = {names.own(task.name, name).key: value for name, value in point.values().items()}
    wanted = task.signature.result
    values = {**record.scalars, **{name: task.artifacts.get(name, File)(path) for name, path in files.items()}}
    result = wanted(**values) if wanted else values
    params = point.models[0] if len(point.models) == 1 else point.values()
    return Done(record.id, params, result, {**record.chain, **own})


def result_digest(metrics: dict[str, Any], artifacts: dict[str, Artifact]) -> str:
    """The hash of a result: equal metrics and equal bytes of artifacts give equal ones."""
    shown = {name: repr(value) for name, value in metrics.items()}
    return digest(encode([shown, {name: one.sha256 for name, one in artifacts.items()}])).hex()


def jsonable(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON can hold them."""
    found = pydantic_core.to_jsonable_python(values, inf_nan_mode="constants")
    return dict(found)


def order_inputs(order: Order) -> dict[str, Any]:
    """The ids of an order's upstreams, by argument."""
    shown: dict[str, Any] = {}
    for name, refs in order.inputs:
        if refs is None or not refs:
            shown[name] = refs if refs is None else []
        elif isinstance(refs[0], tuple):
            shown[name] = [ref[0] for ref in refs]  # type: ignore[index]
        else:
            shown[name] = refs[0]
    return shown


def user_traceback(error: BaseException) -> str:
    """The traceback without our own frames."""
    ours = str(Path(__file__).parent.parent)
    shown = traceback.TracebackException.from_exception(error, limit=None)
    _drop_frames(shown, ours)
    return "".join(shown.format())


def _drop_frames(shown: traceback.TracebackException, ours: str) -> None:
    kept = [frame for frame in shown.stack if not frame.filename.startswith(ours)]
    if kept:
        shown.stack = traceback.StackSummary.from_list(kept)
    for other in (shown.__cause__, shown.__context__):
        if other is not None:
            _drop_frames(other, ours)


def _one_line(error: BaseException) -> str:
    if isinstance(error, _Told):
        return str(error)
    if isinstance(error, QuadratError):
        return error.message
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _device_memory(error: BaseException) -> bool:
    """Whether an accelerator ran out of memory, whichever library says so."""
    return type(error).__name__ in ("OutOfMemoryError", "XlaRuntimeError") and "memory" in str(error).lower()


def _is_store_full(error: OSError, layout: Layout) -> bool:
    """Whether it is the store that could not be written, not some file of the user's."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return error.errno in (errno.EROFS, errno.EACCES) and str(error.filename or "").startswith(str(layout.home))

"""The scheduler: hands ready runs to an executor until nothing is left to do.

It decides what runs when, claims runs against other processes, retries, and lets failures stop only their descendants.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from quadrat.core.errors import StoreError
from quadrat.core.task import Batched
from quadrat.execution.base import Batch, Context, Executor, Finished, Order, Outcome
from quadrat.execution.capture import TAIL_BYTES, tail
from quadrat.execution.graph import Graph, Key
from quadrat.execution.orders import Ledger, OrderMaker
from quadrat.execution.worker import order_inputs
from quadrat.plan.plan import Plan, Reason
from quadrat.store import failures
from quadrat.store.failures import Failure
from quadrat.store.lease import Claims, Lease
from quadrat.store.record import Record
from quadrat.store.store import Store

POLL_SECONDS = 0.2
QUICK_SECONDS = 0.05


@dataclass(frozen=True)
class Options:
    """How a plan is run.

    Attributes:
        fail_fast: start nothing more after the first failure.
        partial: gathers go on without members that failed.
        canary: run one chain per task first, and go on only if it works.
    """

    fail_fast: bool = False
    partial: bool = False
    canary: bool = False


@dataclass
class Tally:
    """How a session stands.

    Attributes:
        total, done, failed, blocked: runs to do at the start, and what became of them.
        elsewhere: of those done, the ones that another process did.
        unchanged: of those done, the ones that need not run after all: what they read was made again with equal bytes.
        seconds: time in tasks.
    """

    total: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    blocked: Counter[str] = field(default_factory=Counter)
    running: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0
    unchanged: int = 0
    waiting_for_others: int = 0
    failures: list[Failure] = field(default_factory=list)
    interrupted: bool = False
    canary_failed: bool = False


Listener = Callable[[str, Any], None]


class Scheduler:
    """Runs a plan.

    Args:
        plan: what to do; it is not changed.
        store: where finished runs go.
        executor: what runs them.
        context: what all runs of the session share.
        lease: this session's lease on the store.
        options: how.
        listener: told of events: ("done", (key, outcome)), ("failed", failure), ("output", bytes), ("tick", tally).
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        executor: Executor,
        context: Context,
        lease: Lease,
        options: Options | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.tally = Tally()
        self._plan = plan
        self._store = store
        self._executor = executor
        self._context = context
        self._options = options or Options()
        self._listen = listener or (lambda event, value: None)
        self._lease = lease
        self._claims = Claims(store.layout, lease)
        self._graph = Graph(plan, partial=self._options.partial)
        self._ledger = Ledger(plan, store.index)
        self._maker = OrderMaker(plan, self._graph, self._ledger, store.index)
        self._ready: dict[str, deque[int]] = {name: deque() for name in plan.tasks}
        self._tries: Counter[Key] = Counter()
        self._settled: set[Key] = set()
        self._dropped: set[Key] = set()
        self._foreign: deque[tuple[Key, Order, float]] = deque()
        self._in_flight: dict[int, tuple[Batch, list[Key]]] = {}
        self._single: set[Key] = set()
        self._number = 0
        self._stop = ""
        self._kill = False
        self._began = time.time()
        self._canary: set[Key] | None = None
        self._temps = self._count_temp_readers()

    @property
    def to_run(self) -> dict[str, Any]:
        """For each task which of its runs are to be run."""
        return self._graph.to_run

    def interrupt(self) -> None:
        """Once: let what runs finish, start nothing more. Twice: stop what runs."""
        if self._stop == "interrupted":
            self._kill = True
        self._stop = "interrupted"
        self.tally.interrupted = True

    def run(self) -> Tally:
        """Do everything; returns how it went.

        Raises:
            StoreError: where the store cannot be written.
        """
        for name, runs in self._graph.to_run.items():
            self.tally.total[name] = int(runs.sum())
        self._block_held()
        for name, run in self._graph.ready():
            self._ready[name].append(run)
        if self._options.canary:
            self._canary = self._canary_runs()
        try:
            self._loop()
        finally:
            self._executor.stop(kill=self._kill or bool(self._in_flight))
            self._claims.release_all()
        return self.tally

    def _loop(self) -> None:
        poll = time.monotonic()
        while True:
            if not self._stop:
                self._fill()
            if self._kill or not (self._in_flight or self._can_go_on()):
                return
            ended = self._executor.wait(POLL_SECONDS) if self._in_flight else []
            for one in ended:
                self._take(one)
            if not ended:
                output = self._executor.output()
                if output:
                    self._listen("output", output)
            if not self._in_flight and not any(self._ready.values()):
                time.sleep(0.02)  # everything left is with other processes: look again in a moment
            now = time.monotonic()
            if now - poll > POLL_SECONDS or not self._in_flight:
                poll = now
                self._poll_foreign()
                if not self._lease.held():
                    self._lease.take()
                self._listen("tick", self.tally)

    def _can_go_on(self) -> bool:
        return not self._stop and (any(self._ready.values()) or bool(self._foreign))

    # --- starting runs -------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Hand ready runs to the executor while it has room; later tasks first, so that chains get done."""
        for name in reversed(self._plan.tasks):
            queue = self._ready[name]
            task = self._plan.tasks[name].task
            while queue and self._room(task.resources.cpus, task.resources.gpus):
                if self._canary is not None and not self._bring_canary(name, queue):
                    break
                keys = self._group(name, queue)
                orders: list[tuple[Key, Order]] = []
                for key in keys:
                    order = self._prepare(key)
                    if order is not None:
                        orders.append((key, order))
                if orders:
                    self._submit(name, orders)

    def _room(self, cpus: int, gpus: float) -> bool:
        used = sum(batch.cpus for batch, _ in self._in_flight.values())
        if gpus and sum(batch.gpus for batch, _ in self._in_flight.values()) + gpus > max(self._executor.gpus, gpus):
            return False
        # Trivial runs are queued ahead of the workers, or these would wait for us between two of them.
        ahead = self._executor.slots if self._mean_seconds() < QUICK_SECONDS and self._executor.slots > 1 else 0
        return not self._in_flight or used + cpus <= self._executor.slots + 3 * ahead

    def _mean_seconds(self) -> float:
        done = sum(self.tally.done.values())
        return sum(self.tally.seconds.values()) / done if done >= 4 else QUICK_SECONDS

    def _group(self, name: str, queue: deque[int]) -> list[Key]:
        """The next run, with others that its task's batched form takes together."""
        first = queue.popleft()
        task = self._plan.tasks[name].task
        if task.batched is None or (name, first) in self._single or self._canary is not None:
            return [(name, first)]
        wanted = self._batch_key(name, first, task.batched)
        # As many calls as there are slots, so that fusing does not leave workers idle.
        alike = [
            run
            for run in queue
            if self._batch_key(name, run, task.batched) == wanted and (name, run) not in self._single
        ]
        share = -(-(len(alike) + 1) // max(1, self._executor.slots // task.resources.cpus))
        chosen = alike[: min(task.batched.limit, share) - 1]
        for run in chosen:
            queue.remove(run)
        return [(name, run) for run in [first, *chosen]]

    def _batch_key(self, name: str, run: int, batched: Batched) -> tuple[Any, ...]:
        made = self._plan.tasks[name].made
        varies = frozenset(one.partition(".")[0] for one in batched.varies)
        point = made.points[made.point[run]].identity(varies)
        return point, *(int(column[run]) for column in made.upstream.values())

    def _prepare(self, key: Key) -> Order | None:
        """The order of a ready run; None where it need not be run here, or not now."""
        name, run = key
        if key in self._settled:
            return None
        one = self._plan.tasks[name]
        if one.reason[run] == Reason.UPSTREAM and self._inputs_unchanged(key):
            self.tally.unchanged += 1
            self._finish(key, self._ledger.attempt[name][run], self._ledger.digest[name][run], 0.0)
            return None
        order = self._maker.make(key, self._dropped)
        if not self._claims.take(order.id):
            self._foreign.append((key, order, time.time()))
            return None
        if self._finished_elsewhere(key, order):
            self._claims.release(order.id)
            return None
        return order

    def _inputs_unchanged(self, key: Key) -> bool:
        """Whether the results that a finished run read are, byte for byte, those that its upstreams have now."""
        from quadrat.core.identity import inputs_digest

        name, run = key
        one = self._plan.tasks[name]
        digests: list[int] = []
        for link in one.task.sorted_inputs:
            place = int(one.made.upstream[link.name][run])
            members = [] if place < 0 else one.made.groups[link.name].of(place).tolist() if link.many else [place]
            digests.extend(self._ledger.digest[link.name][member] for member in members)
        row = int(one.found[run])
        return row >= 0 and int(self._store.index.light["inputs"][row]) == inputs_digest(digests)

    def _finished_elsewhere(self, key: Key, order: Order) -> bool:
        """Whether the run is committed already, by another process since the plan was made."""
        folder = self._store.layout.run_text(order.id, order.attempt)
        if not os.path.isdir(folder):
            return False
        record = self._store.newest(order.id)
        if record is None or record.attempt < order.attempt:
            return False
        self._take_foreign(key, record)
        return True

    def _take_foreign(self, key: Key, record: Record) -> None:
        self.tally.elsewhere += 1
        self._finish(key, record.attempt, int(record.digest[:16] or "0", 16), 0.0)

    def _submit(self, name: str, orders: list[tuple[Key, Order]]) -> None:
        task = self._plan.tasks[name].task
        self._number += 1
        batch = Batch(
            self._number,
            name,
            tuple(order for _, order in orders),
            task.resources.cpus,
            task.resources.gpus,
            task.policy.timeout,
        )
        self._in_flight[batch.number] = (batch, [key for key, _ in orders])
        self.tally.running[name] += len(orders)
        self._executor.submit(batch)

    # --- taking results ------------------------------------------------------------------------------------------

    def _take(self, ended: Finished) -> None:
        batch, keys = self._in_flight.pop(ended.batch.number)
        self.tally.running[batch.task] -= len(keys)
        outcomes = {outcome.id: outcome for outcome in ended.outcomes}
        for key, order in zip(keys, batch.orders, strict=True):
            outcome = outcomes.get(order.id) or self._lost(key, order, ended, len(keys))
            self._claims.release(order.id)
            if outcome is None:
                continue
            if outcome.fatal:
                self._kill = True
                raise StoreError(outcome.fatal)
            if outcome.failure is None:
                self._succeed(key, order, outcome)
            else:
                self._fail(key, outcome.failure)

    def _succeed(self, key: Key, order: Order, outcome: Outcome) -> None:
        digest = outcome.digest
        if outcome.elsewhere:
            self.tally.elsewhere += 1
            record = self._store.newest(order.id)
            digest = int(record.digest[:16], 16) if record else digest
        if self._plan.tasks[key[0]].reason[key[1]] in (Reason.FAILED, Reason.HELD) or self._tries[key]:
            failures.forget(self._store.layout, order.id)
        self._finish(key, outcome.attempt, digest, outcome.seconds)
        self._listen("done", (key, outcome))

    def _lost(self, key: Key, order: Order, ended: Finished, together: int) -> Outcome | None:
        """What became of a run whose worker is gone: committed all the same, to be tried alone, or failed."""
        record = self._store.newest(order.id)
        if record is not None and record.attempt >= order.attempt:
            return Outcome(order.id, int(record.digest[:16], 16), record.attempt, record.seconds)
        if ended.lost == "cancelled":
            self._settled.add(key)
            return None
        if together > 1:
            self._single.add(key)
            self._ready[key[0]].append(key[1])
            return None
        failure = Failure(
            id=order.id,
            study=self._plan.study.name,
            task=key[0],
            params=_plain(order.params),
            kind=ended.lost,
            message=ended.detail,
            log=tail(ended.log),
            at=time.time(),
            code=self._context.codes.get(key[0], ""),
            rerun=self._context.command.format(id=order.id[:12]),
            inputs=order_inputs(order),
            group=order.group,
            plan=self._context.plan,
        )
        failures.write(self._store.layout, failure, ended.log if len(ended.log) > TAIL_BYTES else b"")
        return Outcome(order.id, failure=failure)

    def _finish(self, key: Key, attempt: int, digest: int, seconds: float) -> None:
        """A run is finished: its readers wait for one less."""
        name, run = key
        self._settled.add(key)
        self._ledger.finished(key, attempt, digest)
        self.tally.done[name] += 1
        self.tally.seconds[name] += seconds
        for reader, _ in self._graph.readers(key):
            self._release(reader)
        for longer in self._graph.order_ties.get(key, ()):
            self._release(longer)
        self._drop_temps(key)
        self._check_canary(key)

    def _release(self, key: Key) -> None:
        name, run = key
        waiting = self._graph.waiting[name]
        waiting[run] -= 1
        if waiting[run] == 0 and key not in self._settled:
            self._ready[name].append(run)

    def _fail(self, key: Key, failure: Failure) -> None:
        """A run failed: try it again, or block what needs it."""
        task = self._plan.tasks[key[0]].task
        self._tries[key] += 1
        if self._tries[key] <= task.policy.retries.get(failure.kind, 0) and not self._stop:
            self._ready[key[0]].append(key[1])
            self._listen("retry", failure)
            return
        self.tally.failed[key[0]] += 1
        self.tally.failures.append(failure)
        self._listen("failed", failure)
        self._settle(key)
        if self._options.fail_fast and not self._stop:
            self._stop = "failed"
        if self._canary is not None and key in self._canary:
            self.tally.canary_failed = True
            self._stop = "canary"

    def _settle(self, key: Key) -> None:
        """A run will not be finished: gathers that can do without it go on, everything else that reads it is blocked."""
        rest = [key]
        while rest:
            one = rest.pop()
            self._settled.add(one)
            for longer in self._graph.order_ties.get(one, ()):
                self._release(longer)  # it continues from what else there is, or from scratch
            for reader, droppable in self._graph.readers(one):
                if reader in self._settled:
                    continue
                if droppable:
                    self._dropped.add(one)
                    if self._members_left(reader):
                        self._release(reader)
                        continue
                self.tally.blocked[reader[0]] += 1
                rest.append(reader)

    def _members_left(self, key: Key) -> bool:
        """Whether a gather has any member that has not failed."""
        name, run = key
        one = self._plan.tasks[name]
        for link in one.task.inputs:
            place = int(one.made.upstream[link.name][run])
            if link.many and place >= 0:
                members = one.made.groups[link.name].of(place).tolist()
                if all((link.name, member) in self._dropped for member in members):
                    return False
        return True

    def _block_held(self) -> None:
        """Runs that failed before and are not to be tried again block their readers from the start."""
        for name, one in self._plan.tasks.items():
            for run in (one.reason == Reason.HELD).nonzero()[0].tolist():
                self._settle((name, run))

    # --- other processes -----------------------------------------------------------------------------------------

    def _poll_foreign(self) -> None:
        """Look at the runs that other processes have claimed."""
        self.tally.waiting_for_others = len(self._foreign)
        for _ in range(len(self._foreign)):
            key, order, since = self._foreign.popleft()
            if self._finished_elsewhere(key, order):
                continue
            if self._claims.taken_by_others(order.id):
                self._foreign.append((key, order, since))
                continue
            failure = failures.read(self._store.layout, order.id)
            if self._finished_elsewhere(key, order):
                continue
            if failure is not None and failure.at > max(self._began, since - 60) and self._began < failure.at:
                self._tries[key] = 10**6  # it has been tried over there, with the same rules
                self._fail(key, failure)
                continue
            self._ready[key[0]].append(key[1])

    # --- canary --------------------------------------------------------------------------------------------------

    def _canary_runs(self) -> set[Key]:
        """One run of each task and everything above it."""
        chosen: set[Key] = set()
        rest: list[Key] = []
        for name in self._plan.tasks:
            runs = self._graph.to_run[name].nonzero()[0]
            if len(runs):
                rest.append((name, int(runs[0])))
        while rest:
            key = rest.pop()
            if key in chosen:
                continue
            chosen.add(key)
            made = self._plan.tasks[key[0]].made
            for link in made.task.inputs:
                place = int(made.upstream[link.name][key[1]])
                members = [] if place < 0 else made.groups[link.name].of(place).tolist() if link.many else [place]
                rest += [(link.name, member) for member in members if self._graph.to_run[link.name][member]]
        return chosen

    def _bring_canary(self, name: str, queue: deque[int]) -> bool:
        """Put the next run of the canary in front of a queue; False where it has none."""
        for _ in range(len(queue)):
            if self._canary is None or (name, queue[0]) in self._canary:
                return True
            queue.rotate(-1)
        return False

    def _check_canary(self, key: Key) -> None:
        if self._canary is not None:
            self._canary.discard(key)
            if not self._canary:
                self._canary = None
                self._listen("canary", True)

    # --- temporary artifacts -------------------------------------------------------------------------------------

    def _count_temp_readers(self) -> dict[Key, int]:
        """For each run with temporary artifacts how many runs have yet to read it; tasks read by others than planned are left out."""
        found: dict[Key, int] = {}
        for name, one in self._plan.tasks.items():
            readers = [task for task in self._plan.study.order if any(link.name == name for link in task.inputs)]
            if not one.task.temps or not readers or any(task.name not in self._plan.tasks for task in readers):
                continue
            for run in range(one.size):
                found[name, run] = sum(1 for _ in self._graph.readers((name, run)))
        return found

    def _drop_temps(self, key: Key) -> None:
        """Drop the temporary artifacts whose last reader has just finished."""
        if not self._temps:
            return
        made = self._plan.tasks[key[0]].made
        for link in made.task.inputs:
            place = int(made.upstream[link.name][key[1]])
            members = [] if place < 0 else made.groups[link.name].of(place).tolist() if link.many else [place]
            for member in members:
                upstream = (link.name, member)
                if upstream in self._temps:
                    self._temps[upstream] -= 1
                    if self._temps[upstream] == 0:
                        self._remove_temps(upstream)

    def _remove_temps(self, key: Key) -> None:
        import shutil

        id, attempt = self._ledger.ref(*key)
        folder = self._store.layout.run(id, attempt)
        with contextlib.suppress(OSError, ValueError, TypeError):
            for artifact in Record.load(folder).artifacts.values():
                path = folder / artifact.path
                if artifact.temp and path.is_dir():
                    shutil.rmtree(path)
                elif artifact.temp:
                    path.unlink(missing_ok=True)


def _plain(data: bytes) -> dict[str, Any]:
    import orjson

    return dict(orjson.loads(data))

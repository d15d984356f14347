"""The scheduler: hands ready runs to an executor until nothing is left to do.

It decides what runs when, claims runs against other processes, retries, and lets failures stop only their descendants.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from quadrat.core.errors import BadInput, StoreError
from quadrat.core.identity import inputs_digest
from quadrat.execution.base import Batch, Context, Executor, Finished, Order, Outcome
from quadrat.execution.canary import Canary
from quadrat.execution.capture import TAIL_BYTES
from quadrat.execution.devices import Devices
from quadrat.execution.foreign import Foreign
from quadrat.execution.front import Front
from quadrat.execution.graph import Graph, Key
from quadrat.execution.orders import Ledger, OrderMaker
from quadrat.execution.tally import Listener, Options, Tally
from quadrat.execution.temps import Temps
from quadrat.execution.trouble import lost_run
from quadrat.plan.plan import Plan, Reason
from quadrat.store import failures
from quadrat.store.claims import Claims
from quadrat.store.commit import discard_attempts
from quadrat.store.failures import Failure
from quadrat.store.lease import Lease
from quadrat.store.record import Record
from quadrat.store.store import Store

__all__ = ["Options", "Scheduler", "Tally"]

POLL_SECONDS = 0.2
IDLE_SECONDS = 0.02
QUICK_SECONDS = 0.05
LOST_TRIES = 3
ASKED_SECONDS = 1.0


class Scheduler:
    """Runs a plan.

    Args:
        plan: what to do; it is not changed.
        store: where finished runs go.
        executor: what runs them.
        context: what all runs of the session share.
        lease: this session's lease on the store.
        options: how.
        listener: told of events (see `Listener`).
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
        self._devices = Devices(executor.gpus)
        self._context = context
        self._options = options or Options()
        self._listen = listener or (lambda event, value: None)
        self._lease = lease
        self._claims = Claims(store.layout, lease)
        self._foreign = Foreign(plan, store, self._claims)
        self._graph = Graph(plan, partial=self._options.partial)
        self._ledger = Ledger(plan, store.index, store.set_aside())
        self._maker = OrderMaker(plan, self._graph, self._ledger, store.index, self._is_fresh)
        self._temps = Temps(plan, self._graph, self._ledger, store.layout, lease.owner, keep=self._options.keep_temps)
        self._canary = Canary(plan, self._graph) if self._options.canary else None
        self._front = Front(plan, self._graph)
        self._tries: dict[Key, Counter[str]] = {}
        self._astray: Counter[Key] = Counter()
        self._in_flight: dict[int, tuple[Batch, list[Key]]] = {}
        self._number = 0
        self._stop = ""
        self._kill = False

    def _is_fresh(self, task: str, code: str) -> bool:
        now = self._context.codes.get(task, "")
        return not now or code in ("", now) or code in self._store.accepted().get(f"{task}:{now}", ())

    @property
    def to_run(self) -> dict[str, Any]:
        """For each task which of its runs are to be run."""
        return self._graph.to_run

    def interrupt(self) -> None:
        """Once: let what runs finish, start nothing more. Twice: stop what runs."""
        again = self._stop == "interrupted"
        self._stop = "interrupted"
        self.tally.interrupted = True
        if again:
            self._kill = True
            self._executor.abort()

    def run(self) -> Tally:
        """Do everything; returns how it went.

        Raises:
            StoreError: where the store cannot be written.
            BadInput: where workers cannot load the study.
        """
        for name, runs in self._graph.to_run.items():
            self.tally.total[name] = int(runs.sum())
        self._block(self._front.begin())
        try:
            self._loop()
            self._temps.drop_rest()
        except KeyboardInterrupt:
            self._kill = True
            if not self.tally.interrupted:
                raise
        finally:
            self._executor.stop(kill=self._kill or bool(self._in_flight))
            for batch, _ in self._in_flight.values():
                for order in batch.orders:
                    discard_attempts(self._store.layout, order.id, self._lease.owner)
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
            output = self._executor.output()
            if output:
                self._listen("output", output)
            for one in ended:
                self._take(one)
            if not self._in_flight and not ended:
                time.sleep(IDLE_SECONDS)  # everything left is with other processes: look again in a moment
            now = time.monotonic()
            if now - poll > POLL_SECONDS or not self._in_flight:
                poll = now
                self._look_around()

    def _can_go_on(self) -> bool:
        return not self._stop and (bool(self._front) or bool(self._foreign))

    def _look_around(self) -> None:
        """Now and then: our lease, and what others do."""
        if not self._lease.held():
            self._lease.take()
        for key, order, met in self._foreign.settled():
            if isinstance(met, Record):
                self._take_over(key, met)
            elif isinstance(met, Failure):  # it was tried over there, by the same rules
                self._fail(key, order, met, final=True)
            else:
                self._front.again(key)
        self.tally.waiting_for_others = len(self._foreign)
        self._listen("progress", self._executor.progress())
        self._listen("tick", self.tally)

    # --- starting runs -------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Hand ready runs to the executor while it has room; later tasks first, so that chains get done."""
        for name in reversed(self._plan.tasks):
            waiting = self._front.ready[name]
            resources = self._plan.tasks[name].task.resources
            while waiting and self._room(resources.cpus, resources.gpus) and not self._stop:
                if self._canary:
                    key = waiting.pick(self._canary.__contains__)
                    keys = [key] if key else []
                else:
                    calls = (self._executor.slots - self._used()) // resources.cpus
                    keys = waiting.take(min(calls, self._devices.room(resources.gpus)))
                if not keys:
                    break
                orders = [(key, order) for key in keys if (order := self._prepare(key)) is not None]
                if orders:
                    self._submit(name, orders)

    def _used(self) -> int:
        return sum(batch.cpus for batch, _ in self._in_flight.values())

    def _room(self, cpus: int, gpus: float) -> bool:
        if gpus and not self._devices.room(gpus):
            return False  # others that fit go past it, and none waits in the executor where it is in their way
        # Trivial runs are queued ahead of the workers, or these would wait for us between two of them.
        ahead = self._executor.slots if self._mean_seconds() < QUICK_SECONDS and self._executor.slots > 1 else 0
        return not self._in_flight or self._used() + cpus <= self._executor.slots + 3 * ahead

    def _mean_seconds(self) -> float:
        done = sum(self.tally.done.values())
        return sum(self.tally.seconds.values()) / done if done >= 4 else QUICK_SECONDS

    def _prepare(self, key: Key) -> Order | None:
        """The order of a ready run; None where it need not be run here, or not now."""
        name, run = key
        if self._front.is_settled(key):
            return None
        if self._plan.tasks[name].reason[run] == Reason.UPSTREAM and self._inputs_unchanged(key):
            self.tally.unchanged += 1
            self._finish(key, *self._ledger.ref(name, run), self._ledger.digest[name][run], 0.0)
            return None
        tries = self._tries.get(key)
        order = self._maker.make(key, self._front.dropped, sum(tries.values()) if tries else 0)
        if order.id != self._plan.tasks[name].ids[run].hex():
            found = self._store.newest(order.id)
            if found is not None and self._maker.is_current(
                key, self._front.dropped, found, self._context.codes.get(name, "")
            ):
                self.tally.unchanged += 1
                self._finish(key, found.id, found.attempt, int(found.digest[:16], 16), 0.0)
                return None
            order = replace(order, attempt=found.attempt + 1 if found else 1)
        return order if self._claim(key, order) else None

    def _claim(self, key: Key, order: Order) -> bool:
        """Whether the run is ours to do: nobody else is at it, nor has done it since the plan was made."""
        if not self._claims.take(order.id):
            self._foreign.wait_for(key, order)
            return False
        finished = self._foreign.finished(order)
        failed = None if finished or key in self._tries else self._foreign.failed(key, order)
        if finished is not None:
            self._claims.release(order.id)
            self._take_over(key, finished)
        elif failed is not None:
            self._fail(key, order, failed, final=True)
        return not (finished or failed)

    def _inputs_unchanged(self, key: Key) -> bool:
        """Whether the results that a finished run read are, byte for byte, those that its upstreams have now."""
        one = self._plan.tasks[key[0]]
        digests: list[int] = []
        for link in one.task.sorted_inputs:
            place = int(one.made.upstream[link.name][key[1]])
            members = [] if place < 0 else one.made.groups[link.name].of(place).tolist() if link.many else [place]
            if any((link.name, member) in self._front.dropped for member in members):
                return False
            digests.extend(self._ledger.digest[link.name][member] for member in members)
        row = self._ledger.row[key[0]][key[1]]
        return row >= 0 and int(self._store.index.light["inputs"][row]) == inputs_digest(digests)

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
            self._devices.acquire(task.resources.gpus) or (),
        )
        self._in_flight[batch.number] = (batch, [key for key, _ in orders])
        self.tally.running[name] += len(orders)
        self._executor.submit(batch)

    # --- taking results ------------------------------------------------------------------------------------------

    def _take(self, ended: Finished) -> None:
        if ended.lost == "broken":
            raise BadInput(ended.detail)
        batch, keys = self._in_flight.pop(ended.batch.number)
        self._devices.release(batch.devices, batch.gpus)
        self.tally.running[batch.task] -= len(keys)
        outcomes = {outcome.id: outcome for outcome in ended.outcomes}
        for key, order in zip(keys, batch.orders, strict=True):
            outcome = outcomes.get(order.id)
            if (outcome is None or outcome.again) and ended.lost == "ended" and self._is_stopping():
                outcome = self._left_behind(order)
                if outcome is None:
                    continue
            if outcome is None or outcome.again:
                outcome = self._lost(key, order, ended, alone=len(keys) == 1 and not (outcome and self._once_more(key)))
            if outcome is None:
                self._claims.release(order.id)
            elif outcome.fatal:
                raise StoreError(outcome.fatal)
            elif outcome.failure is not None:
                self._fail(key, order, outcome.failure)
            else:
                self._succeed(key, order, outcome)

    def _succeed(self, key: Key, order: Order, outcome: Outcome) -> None:
        self._claims.release(order.id)
        self.tally.elsewhere += outcome.elsewhere
        if self._plan.tasks[key[0]].reason[key[1]] in (Reason.FAILED, Reason.HELD) or key in self._tries:
            failures.forget(self._store.layout, order.id)
        self._finish(key, order.id, outcome.attempt, outcome.digest, outcome.seconds)
        self._listen("done", (key, outcome))

    def _once_more(self, key: Key) -> bool:
        """Whether a run whose staging was taken away is to be tried again, as that was not its fault; not for ever."""
        self._astray[key] += 1
        return self._astray[key] < LOST_TRIES

    def _is_stopping(self) -> bool:
        """Whether this process is asked to end as well: it may hear of it a moment later than its workers."""
        end = time.monotonic() + ASKED_SECONDS
        while not self._stop and time.monotonic() < end:
            time.sleep(IDLE_SECONDS)
        return bool(self._stop)

    def _left_behind(self, order: Order) -> Outcome | None:
        """What became of a run whose worker was asked to end: committed all the same, or left for another time."""
        made = self._made_all_the_same(order)
        if made is None:
            self._claims.release(order.id)
        return made

    def _made_all_the_same(self, order: Order) -> Outcome | None:
        """The outcome of a run whose worker is gone, if it was committed before; what it had staged is taken away."""
        discard_attempts(self._store.layout, order.id, self._lease.owner)
        record = self._store.newest(order.id)
        if record is None or record.attempt < order.attempt:
            return None
        return Outcome(order.id, int(record.digest[:16], 16), record.attempt, record.seconds)

    def _lost(self, key: Key, order: Order, ended: Finished, *, alone: bool) -> Outcome | None:
        """What became of a run without an outcome: committed all the same, to be tried (again) alone, or failed."""
        made = self._made_all_the_same(order)
        if made is not None:
            return made
        if not alone:
            self._front.again(key, alone=True)
            return None
        failure = lost_run(self._plan.study.name, key[0], order, ended, self._context)
        failures.write(self._store.layout, failure, ended.log if len(ended.log) > TAIL_BYTES else b"")
        return Outcome(order.id, failure=failure)

    def _take_over(self, key: Key, record: Record) -> None:
        """Another process has finished a run."""
        self.tally.elsewhere += 1
        outcome = Outcome(record.id, int(record.digest[:16] or "0", 16), record.attempt, elsewhere=True)
        self._finish(key, record.id, outcome.attempt, outcome.digest, 0.0)
        self._listen("done", (key, outcome))

    def _finish(self, key: Key, id: str, attempt: int, digest: int, seconds: float) -> None:
        """A run is finished, here or elsewhere."""
        self._ledger.finished(key, id, attempt, digest)
        self.tally.done[key[0]] += 1
        self.tally.seconds[key[0]] = self.tally.seconds.get(key[0], 0.0) + seconds
        self._front.finish(key)
        self._temps.read(key)
        if self._canary is not None and self._canary.settle(key):
            self._listen("canary", True)

    def _fail(self, key: Key, order: Order, failure: Failure, *, final: bool = False) -> None:
        """A run failed: try it again (and keep the claim, or others take it for failed), or block what needs it."""
        tries = self._tries.setdefault(key, Counter())
        tries[failure.kind] += 1
        allowed = self._plan.tasks[key[0]].task.policy.retries.get(failure.kind, 0)
        if not final and not self._stop and tries[failure.kind] <= allowed:
            self._front.again(key)
            self._listen("retry", failure)
            return
        self._claims.release(order.id)
        self.tally.failed[key[0]] += 1
        self.tally.failures.append(failure)
        self._listen("failed", failure)
        self._block(self._front.fail(key))
        if self._canary and key in self._canary:
            self.tally.canary_failed = True
            self._stop = self._stop or "canary"
        if self._options.fail_fast:
            self._stop = self._stop or "failed"

    def _block(self, runs: Iterable[Key]) -> None:
        for key in runs:
            self.tally.blocked[key[0]] += 1
            if self._canary is not None:
                self._canary.settle(key)

"""Hand over what is neither finished nor queued (`quadrat submit`), and stay until it is over (`run --on slurm`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from quadrat.core.words import plural
from quadrat.execution.elsewhere import NewFailures, begin, block_the_rest
from quadrat.execution.slurm import client, site
from quadrat.execution.slurm.ledger import Submission
from quadrat.execution.tally import Tally
from quadrat.plan.plan import Plan
from quadrat.session import Session, on_interrupt
from quadrat.store.upkeep import reap
from quadrat.submitting.cluster import RUNNING, Cluster, open_cluster
from quadrat.submitting.state import outcome, stuck
from quadrat.submitting.submit import Ask, Prepared, next_folder, prepare, submit

ASK_SECONDS = (0.2, 5.0)
"""How often the queue is looked at: at once where work is quick, seldom where it takes hours."""
SLICE_SECONDS = 0.05


def hand_over(session: Session, plan: Plan, ask: Ask, say: Callable[[str], None]) -> tuple[Prepared, Submission | None]:
    """Submit what of a plan is neither finished nor queued; None where that is nothing.

    Args:
        session: what the plan was made of.
        plan: the plan.
        ask: how.
        say: told what else was done.

    Raises:
        ClusterError: where SLURM is not there, does not answer, or refuses: then nothing is submitted.
        BadInput: for resources that no node has, or a template that does not do.
    """
    allowed = site.detect()
    cluster = open_cluster(session.store)
    held = stuck(cluster)
    if held:  # it would keep its runs for ever
        client.cancel([array.job for one in held for array in one.arrays if array.job is not None])
        names = ", ".join(one.name for one in held)
        say(f"took back submission {names}, which was held because its elements could not begin")
        cluster = open_cluster(session.store)
    staged = reap(session.store.layout)
    if staged:
        say(f"took away what {staged} attempts of processes that are gone left behind")
    folder = next_folder(session)
    made = prepare(session, plan, ask, allowed, cluster, folder)
    return made, submit(session, plan, ask, made, folder, allowed) if made.arrays else None


class Watch:
    """Watches over what a plan has in SLURM's queue.

    Args:
        session, plan: what was submitted.
        listen: told of events, as by a scheduler.

    Attributes:
        names: the submissions that have runs of the plan.
    """

    def __init__(self, session: Session, plan: Plan, listen: Callable[[str, Any], None]) -> None:
        self.tally = Tally()
        self.names: set[str] = set()
        self._session = session
        self._plan = plan
        self._listen = listen
        self._interrupts = 0
        self._handled = 0
        self._failures = NewFailures(plan, session.store.layout)
        self._index = session.store.index

    def interrupt(self) -> None:
        """Once: what runs may finish, nothing more begins. Twice: everything is taken back."""
        self._interrupts += 1
        self.tally.interrupted = True

    def run(self) -> Tally:
        """Until nothing of the plan is in the queue; returns how it went."""
        store = self._session.store
        begin(self._plan, self.tally, self._listen)
        pause = ASK_SECONDS[0]
        while True:
            cluster = open_cluster(store)
            self._handle(cluster)
            live = self._live(cluster)
            if not live or (any(one in live for one in stuck(cluster)) and not self._running(cluster)):
                break
            self._count()
            self._listen("tick", self.tally)
            end = time.monotonic() + pause
            while time.monotonic() < end and self._handled == self._interrupts:
                time.sleep(SLICE_SECONDS)
            pause = min(ASK_SECONDS[1], pause * 1.2)
        self._count()
        self._close(cluster)
        return self.tally

    def _handle(self, cluster: Cluster) -> None:
        """Do what was asked for by Ctrl-C."""
        if self._handled == self._interrupts:
            return
        self._handled = self._interrupts
        jobs = [array.job for one in self._live(cluster) for array in one.arrays if array.job is not None]
        client.cancel(jobs, pending=self._interrupts == 1)
        if self._interrupts == 1:
            running = self._running(cluster)
            client.signal("USR2", running)
            self._listen("notice", f"asked {plural(len(running), 'element')} in SLURM to begin no further run")

    def _live(self, cluster: Cluster) -> list[Submission]:
        return [one for one in cluster.live if one.name in self.names]

    def _running(self, cluster: Cluster) -> list[int]:
        """The jobs of the elements that run."""
        queued = [one.queued for live in self._live(cluster) for one in cluster.elements(live)]
        return [one.job for one in queued if one is not None and one.state in RUNNING]

    def _count(self) -> None:
        """How many runs are done by now."""
        store = self._session.store
        finished = store.refresh(write=False).finished(frozenset(), {})
        old = self._index.light["attempt"]
        for name, one in self._plan.tasks.items():
            mask = one.to_run & one.active
            if not mask.any():
                continue
            found = finished.find(one.ids)
            known = found >= 0
            now = np.zeros(one.size, np.int64)
            now[known] = finished.attempt[found[known]]
            before = np.where(one.found >= 0, np.append(old, 0)[one.found], 0)
            self.tally.done[name] = int((mask & (now > before)).sum())

    def _close(self, cluster: Cluster) -> None:
        """What failed, what was blocked, and what went wrong on the way."""
        self._failures.take(self.tally)
        block_the_rest(self.tally)
        for line in outcome(self._session.store, cluster, sorted(self.names)).lines():
            self._listen("notice", line)


def run_on_slurm(session: Session, plan: Plan, ask: Ask, listen: Callable[[str, Any], None]) -> Tally:
    """Submit a plan and stay until it is over. Who is killed meanwhile loses nothing: the jobs go on.

    Raises:
        ClusterError: where SLURM is not there, does not answer, or refuses.
        BadInput: for resources that no node has, or a template that does not do.
    """
    watch = Watch(session, plan, listen)
    with on_interrupt(watch.interrupt):
        _, submission = hand_over(session, plan, ask, lambda text: listen("notice", text))
        if submission is not None:
            jobs = ", ".join(str(array.job) for array in submission.arrays)
            listen("notice", f"submission {submission.name}: jobs {jobs}")
        taken = open_cluster(session.store).taken()
        planned = {id for one in plan.tasks.values() for id in one.ids}
        watch.names = {element.submission.name for id, element in taken.items() if id in planned}
        if submission is not None:
            watch.names.add(submission.name)
        return watch.run()

"""What of a plan is in SLURM's queue: asked now and then, as others ask the same controller."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from quadrat.core.errors import ClusterError
from quadrat.plan.plan import Plan
from quadrat.session import Session

ASK_SECONDS = 10.0


@dataclass
class Queue:
    """What SLURM said last.

    Attributes:
        queued: how many runs of each task wait in its queue.
        problems: what went wrong with what was submitted, a line each.
    """

    queued: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _next: float = 0.0

    def look(self, session: Session, plan: Plan) -> Queue:
        """Ask again, where it is time to and something was ever submitted."""
        if time.monotonic() >= self._next and session.store.layout.submissions.exists():
            self.queued, self.problems = queue_of(session, plan)
            self._next = time.monotonic() + ASK_SECONDS
        return self


def queue_of(session: Session, plan: Plan) -> tuple[dict[str, int], list[str]]:
    """How many runs of each task wait in SLURM's queue, and what went wrong with what was submitted."""
    from quadrat.submitting import in_queue, open_cluster, outcome

    try:
        cluster = open_cluster(session.store, mend=False)
        of_study = [one.name for one in cluster.submissions if one.study == session.study.name]
        if not of_study:
            return {}, []
        planned = {id for one in plan.tasks.values() for id in one.ids}
        problems = outcome(session.store, cluster, of_study, planned).lines()
    except ClusterError as error:
        return {}, [f"SLURM's queue is not known: {error}"]
    return {name: counts["pending"] for name, counts in in_queue(plan, cluster).items()}, problems

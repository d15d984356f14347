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
            self.queued, self.problems = _asked(session, plan)
            self._next = time.monotonic() + ASK_SECONDS
        return self


def _asked(session: Session, plan: Plan) -> tuple[dict[str, int], list[str]]:
    from quadrat.submitting import of_plan

    try:
        found = of_plan(session.store, plan, mend=False)
    except ClusterError as error:
        return {}, [f"SLURM's queue is not known: {error}"]
    if found is None:
        return {}, []
    return {name: counts["pending"] for name, counts in found[0].items()}, found[1].lines()

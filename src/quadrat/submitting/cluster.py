"""What of a store's submissions is in SLURM's queue, what has ended and how: one `squeue`, and the ledger."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quadrat.execution.share import FrozenPlan
from quadrat.execution.slurm import client
from quadrat.execution.slurm.client import Queued
from quadrat.execution.slurm.ledger import Submission, Told, submissions
from quadrat.plan.frozen import as_bytes
from quadrat.store.store import Store

RUNNING = ("RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED")


@dataclass(frozen=True)
class Element:
    """One element of a submission.

    Attributes:
        submission, number, place: which one.
        queued: what SLURM says of it; None where it is not in the queue.
        said: what it has said itself, if anything.
    """

    submission: Submission
    number: int
    place: int
    queued: Queued | None
    said: Told | None

    @property
    def state(self) -> str:
        """`pending`, `running`, `ended`, or how it went wrong: `refused`, `boot`, `died`, `vanished`."""
        if self.queued is not None:
            return "running" if self.queued.state in RUNNING else "pending"
        if self.submission.arrays[self.number].refused:
            return "refused"
        if self.said is None:
            return "vanished"
        return {"begun": "died", "requeued": "died"}.get(self.said.state, self.said.state)

    @property
    def name(self) -> str:
        """Its name for people: submission, array and element; the job where there is one."""
        job = self.submission.arrays[self.number].job
        return f"{job}_{self.place}" if job else f"{self.submission.name}/{self.number}.{self.place}"

    @property
    def log(self) -> str:
        """Where it has written."""
        return str(self.submission.log(self.number, self.place))


class Cluster:
    """The submissions of a store as SLURM and the ledger see them now.

    Args:
        store: the store.
        queue: the user's jobs.
        mend: write down the numbers of jobs that a killed `quadrat submit` could not; a reader does not.
    """

    def __init__(self, store: Store, queue: list[Queued], *, mend: bool = True) -> None:
        self._store = store
        self.submissions = submissions(store.layout)
        by_job = {one.comment: one.array for one in queue if one.comment.startswith("quadrat:")}
        if mend:
            self._find_orphans(by_job)
        self._queued = {(one.array, place): one for one in queue for places in one.elements for place in places}
        self._jobs = {one.array for one in queue}

    def _find_orphans(self, by_comment: dict[str, int]) -> None:
        """Jobs that were accepted while whoever submitted them was killed before the number was written down."""
        for submission in self.submissions:
            for array in list(submission.arrays):
                found = by_comment.get(submission.comment(array.number))
                if array.job is None and not array.refused and found is not None:
                    submission.set_array(dataclasses.replace(array, job=found))

    @property
    def live(self) -> list[Submission]:
        """The submissions of which something is in the queue."""
        return [one for one in self.submissions if any(array.job in self._jobs for array in one.arrays)]

    def elements(self, submission: Submission) -> Iterator[Element]:
        """All elements of a submission."""
        for array in submission.arrays:
            for place in range(len(array.shares)):
                queued = self._queued.get((array.job, place)) if array.job is not None else None
                said = (
                    None if queued is not None and queued.state not in RUNNING else submission.said(array.number, place)
                )
                yield Element(submission, array.number, place, queued, said)

    def runs(self, element: Element) -> list[bytes]:
        """The ids of an element's runs."""
        share = element.submission.arrays[element.number].shares[element.place]
        return self._by_share(element.submission).get(share, [])

    def _by_share(self, submission: Submission) -> dict[int, list[bytes]]:
        found: dict[int, list[bytes]] | None = submission.__dict__.get("by_share")
        if found is None:
            found = {}
            frozen = FrozenPlan(self._store, submission.plan).frozen
            for name, column in submission.shares.items():
                for share in np.unique(column[column >= 0]).tolist():
                    found.setdefault(share, []).extend(as_bytes(frozen.tasks[name].ids[column == share]))
            submission.__dict__["by_share"] = found
        return found

    def boots(self, element: Element) -> int:
        """How many elements of the same array could not begin."""
        return sum(1 for _ in element.submission.elements.glob(f"{element.number}.*.boot"))

    def taken(self) -> dict[bytes, Element]:
        """The runs of elements that are in the queue, and which element has each."""
        found: dict[bytes, Element] = {}
        for submission in self.live:
            for element in self.elements(submission):
                if element.queued is not None:
                    found |= dict.fromkeys(self.runs(element), element)
        return found


def open_cluster(store: Store, *, mend: bool = True) -> Cluster:
    """The submissions of a store as they are now; see `Cluster`.

    Raises:
        ClusterError: where SLURM does not answer.
    """
    return Cluster(store, client.queue() if client.installed() else [], mend=mend)

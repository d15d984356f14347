"""How submissions stand: runs that are queued, running, finished; elements that went wrong, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from quadrat.core.errors import unknown
from quadrat.execution.slurm.ledger import Submission
from quadrat.plan.plan import Plan
from quadrat.store import failures
from quadrat.store.store import Store
from quadrat.submitting.cluster import Cluster, Element, open_cluster

LAST_WORDS = 160


def chosen(cluster: Cluster, names: Sequence[str] | None = None) -> list[Submission]:
    """The submissions of these names; all where none is said.

    Raises:
        BadInput: for a name that none has.
    """
    known = {one.name: one for one in cluster.submissions}
    for name in names or ():
        if name not in known:
            raise unknown("submission", name, list(known))
    return [known[name] for name in names] if names else list(known.values())


def in_queue(plan: Plan, cluster: Cluster) -> dict[str, Counter[str]]:
    """For each task of a plan how many of its runs to do are pending and running, by their elements."""
    taken = cluster.taken()
    found: dict[str, Counter[str]] = {}
    for name, one in plan.tasks.items():
        found[name] = Counter()
        if taken and one.active:
            for run in np.flatnonzero(one.to_run).tolist():
                element = taken.get(one.ids[run])
                if element is not None:
                    found[name][element.state] += 1
    return found


@dataclass(frozen=True)
class Problem:
    """Elements that went wrong in the same way.

    Attributes:
        state: `boot`, `died`, `vanished`, `refused` or `ended`.
        text: why, as far as it is known.
        elements: which.
        left: how many of their runs are neither finished nor failed, nor in the queue again.
        words: the last line of the first one's log.
    """

    state: str
    text: str
    elements: list[Element]
    left: int
    words: str = ""

    @property
    def title(self) -> str:
        """What happened, in one sentence."""
        many = len(self.elements)
        names = ", ".join(one.name for one in self.elements[:3]) + (", …" if many > 3 else "")
        nodes = sorted({one.said.node for one in self.elements if one.said is not None and one.said.node})
        on = f" on {', '.join(nodes[:4])}" if nodes else ""
        what = {
            "boot": f"could not begin{on}",
            "died": f"died{on}: killed, or its node was lost",
            "vanished": "left the queue without a word: cancelled, or its node was lost before it began",
            "refused": "was not accepted",
            "ended": f"ended early{on}",
        }[self.state]
        return f"element{'s' if many > 1 else ''} {names} {what}" + (f": {self.text}" if self.text else "")

    def told(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "state": self.state,
            "elements": [one.name for one in self.elements],
            "text": self.text,
            "runs_left": self.left,
            "log": self.elements[0].log,
            "last_words": self.words,
        }


@dataclass
class Outcome:
    """What has become of submissions.

    Attributes:
        runs, done, failed: of their runs.
        problems: elements that went wrong with runs left, the most frequent cause first.
        stuck: submissions whose elements cannot begin, and which are held therefore.
    """

    runs: int = 0
    done: int = 0
    failed: int = 0
    problems: list[Problem] = field(default_factory=list)
    stuck: list[Submission] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "runs": self.runs,
            "finished": self.done,
            "failed": self.failed,
            "problems": [one.told() for one in self.problems],
            "held": [one.name for one in self.stuck],
        }

    def lines(self) -> list[str]:
        """The same for people."""
        found = []
        for one in self.problems:
            found.append(f"{one.title} ({one.left:,} of its runs left)")
            if one.words:
                found.append(f"  {one.words}")
            if Path(one.elements[0].log).exists():
                found.append(f"  log: {one.elements[0].log}")
        for submission in self.stuck:
            found.append(f"submission {submission.name} is held, since its elements cannot begin")
        if self.problems or self.stuck:
            found.append("what is left is ready again: `quadrat submit` takes it")
        return found


def outcome(
    store: Store, cluster: Cluster, names: Sequence[str] | None = None, only: Set[bytes] | None = None
) -> Outcome:
    """What has become of some submissions, or of all.

    Args:
        store: the store.
        cluster: what of it is in the queue.
        names: of the submissions.
        only: the ids of the runs that are asked for; None for all.

    Raises:
        BadInput: for a name that none has.
    """
    found = Outcome(stuck=[one for one in stuck(cluster) if one in chosen(cluster, names)])
    index = store.refresh(write=False)
    done = {bytes.fromhex(id) for id in index.ids()}
    failed = failures.failed_ids(store.layout)
    taken = cluster.taken()
    runs: set[bytes] = set()
    causes: dict[tuple[str, str], Problem] = {}
    for submission in chosen(cluster, names):
        for element in cluster.elements(submission):
            own = [id for id in cluster.runs(element) if only is None or id in only]
            runs.update(own)
            left = sum(id not in done and id not in failed and id not in taken for id in own)
            if element.queued is None and left:
                _add(causes, element, left)
    found.runs, found.done, found.failed = len(runs), len(runs & done), len((runs & failed) - done)
    found.problems = sorted(causes.values(), key=lambda one: -one.left)
    return found


def _add(causes: dict[tuple[str, str], Problem], element: Element, left: int) -> None:
    said = element.said
    text = said.text if said is not None and element.state != "died" else ""
    if element.state == "boot" and said is not None:
        text = f"exit code {said.code} before Python had begun"
    known = causes.get((element.state, text))
    if known is None:
        causes[element.state, text] = Problem(element.state, text, [element], left, _last_words(element))
    else:
        elements = [*known.elements, element]
        causes[element.state, text] = Problem(known.state, text, elements, known.left + left, known.words)


def _last_words(element: Element) -> str:
    """The last line that an element has printed."""
    try:
        with element.submission.log(element.number, element.place).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 4096))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    words = [line.strip() for line in lines if line.strip()]
    return words[-1][:LAST_WORDS] if words else ""


def of_plan(store: Store, plan: Plan, *, mend: bool = True) -> tuple[dict[str, Counter[str]], Outcome] | None:
    """What of a plan is in SLURM's queue, task by task, and what has become of the study's submissions.

    Args:
        store: the store.
        plan: the plan.
        mend: as for `Cluster`.

    Returns:
        None where nothing of the study was ever submitted.

    Raises:
        ClusterError: where SLURM does not answer.
    """
    if not store.layout.submissions.exists():
        return None
    cluster = open_cluster(store, mend=mend)
    of_study = [one.name for one in cluster.submissions if one.study == plan.study.name]
    if not of_study:
        return None
    planned = {id for one in plan.tasks.values() for id in one.ids}
    return in_queue(plan, cluster), outcome(store, cluster, of_study, planned)


def stuck(cluster: Cluster) -> list[Submission]:
    """The submissions that hold themselves, since three elements could not begin."""
    return [
        submission
        for submission in cluster.live
        if any(
            one.queued is not None and one.queued.reason.startswith("JobHeld") and cluster.boots(one)
            for one in cluster.elements(submission)
        )
    ]

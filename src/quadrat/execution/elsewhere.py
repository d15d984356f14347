"""A plan that other processes run: how it stands, told to a listener as a scheduler would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quadrat.execution.tally import Listener, Tally
from quadrat.plan.plan import Plan
from quadrat.store import failures
from quadrat.store.layout import Layout


@dataclass(frozen=True)
class Start:
    """What a listener is told at the start."""

    to_run: dict[str, NDArray[np.bool_]]


def begin(plan: Plan, tally: Tally, listen: Listener) -> Start:
    """Fill in how much there is to do, and say so."""
    start = Start({name: one.to_run & one.active for name, one in plan.tasks.items()})
    for name, mask in start.to_run.items():
        tally.total[name] = int(mask.sum())
    listen("start", start)
    return start


class NewFailures:
    """The failures that are recorded from now on of runs that a plan has to do.

    Args:
        plan: the plan.
        layout: of the store.
    """

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self._plan = plan
        self._layout = layout
        self._before = failures.stamps(layout)

    def take(self, tally: Tally) -> None:
        """Fill them in."""
        for name, one in self._plan.tasks.items():
            for run in np.flatnonzero(one.to_run & one.active).tolist():
                id = one.ids[run].hex()
                if failures.stamp(self._layout, id) not in (None, self._before.get(id)):
                    failure = failures.read(self._layout, id)
                    if failure is not None:
                        tally.failed[name] += 1
                        tally.failures.append(failure)


def block_the_rest(tally: Tally) -> None:
    """What is over, and neither done nor failed, could not run."""
    for name, total in tally.total.items():
        tally.blocked[name] = max(0, total - tally.done[name] - tally.failed[name])

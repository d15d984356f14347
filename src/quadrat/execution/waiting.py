"""Runs that are ready, and wait for room; those that a batched form can take together lie together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from quadrat.execution.graph import Key
from quadrat.plan.plan import Plan


class Waiting:
    """The ready runs of one task.

    Args:
        plan: the plan.
        name: the task.
    """

    def __init__(self, plan: Plan, name: str) -> None:
        self._name = name
        self._made = plan.tasks[name].made
        self._batched = plan.tasks[name].task.batched
        varies = self._batched.varies if self._batched else ()
        self._varies = frozenset(varies)
        self._points: dict[int, bytes] = {}
        self._alike: dict[Any, deque[int]] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many."""
        return self._count

    def add(self, run: int, *, alone: bool = False) -> None:
        """A run is ready; `alone` keeps it out of batches."""
        self._count += 1
        if self._batched is None:
            together: Any = None
        else:
            together = (run,) if alone else self._together(run)
        self._alike.setdefault(together, deque()).append(run)

    def _together(self, run: int) -> Any:
        """What the runs of one call must have in common: all params that may not vary, and their upstreams."""
        point = int(self._made.point[run])
        if point not in self._points:
            self._points[point] = self._made.points[point].identity(self._varies)
        return self._points[point], tuple(int(column[run]) for column in self._made.upstream.values())

    def take(self, free: int) -> list[Key]:
        """The next run, or the runs of the next batch.

        Args:
            free: how many calls there is room for: a batch takes no more than its share, or workers would idle.
        """
        together, runs = next(iter(self._alike.items()))
        share = 1 if self._batched is None else min(self._batched.limit, -(-len(runs) // max(1, free)))
        taken = [(self._name, runs.popleft()) for _ in range(share)]
        self._count -= len(taken)
        if not runs:
            del self._alike[together]
        return taken

    def pick(self, wanted: Callable[[Key], bool]) -> Key | None:
        """The first run that is wanted, by itself; None where none is."""
        for together, runs in self._alike.items():
            for run in runs:
                if wanted((self._name, run)):
                    runs.remove(run)
                    self._count -= 1
                    if not runs:
                        del self._alike[together]
                    return self._name, run
        return None

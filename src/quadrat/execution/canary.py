"""The canary: one run of each task, and what it needs, goes first; the rest only when all of them work.

Gathers are left out, and what reads them: they need all that the canary is to go ahead of.
"""

from __future__ import annotations

from quadrat.execution.graph import Graph, Key
from quadrat.plan.plan import Plan


class Canary:
    """The runs that go first and are not done yet.

    Args:
        plan: the plan.
        graph: which of it is to be run.
    """

    def __init__(self, plan: Plan, graph: Graph) -> None:
        self._left: set[Key] = set()
        gathers: set[str] = set()
        for name, one in plan.tasks.items():
            if any(link.many or link.name in gathers for link in one.task.inputs):
                gathers.add(name)
        rest = [
            (name, int(runs[0]))
            for name in plan.tasks
            if name not in gathers and len(runs := graph.to_run[name].nonzero()[0])
        ]
        while rest:
            key = rest.pop()
            if key in self._left:
                continue
            self._left.add(key)
            rest += [above for above in graph.upstreams(key) if graph.to_run[above[0]][above[1]]]
            if key in graph.shorter:
                rest.append(graph.shorter[key])

    @property
    def keys(self) -> frozenset[Key]:
        """The runs that are not done yet."""
        return frozenset(self._left)

    def __bool__(self) -> bool:
        """Whether it is still under way."""
        return bool(self._left)

    def __contains__(self, key: Key) -> bool:
        """Whether a run belongs to it, and is not done yet."""
        return key in self._left

    def settle(self, key: Key) -> bool:
        """A run is done, or can never be; True where it was the last of the canary."""
        before = bool(self._left)
        self._left.discard(key)
        return before and not self._left

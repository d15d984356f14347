"""What other processes on the same store do meanwhile: runs that they are at, have finished, or have failed at."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator

from quadrat.execution.base import Order
from quadrat.execution.graph import Key
from quadrat.plan.plan import Plan, Reason
from quadrat.store import failures
from quadrat.store.claims import Claims
from quadrat.store.failures import Failure
from quadrat.store.record import Record
from quadrat.store.store import Store

Met = Record | Failure | None
"""What has become of a run elsewhere: finished, failed, or neither: it is free."""


class Foreign:
    """Looks at what others do.

    Args:
        plan: the plan.
        store: the store.
        claims: this session's.
    """

    def __init__(self, plan: Plan, store: Store, claims: Claims) -> None:
        self._plan = plan
        self._store = store
        self._claims = claims
        self._held: deque[tuple[Key, Order]] = deque()
        self._old_failures = failures.stamps(store.layout)

    def __len__(self) -> int:
        """How many runs others are at, that this session waits for."""
        return len(self._held)

    def wait_for(self, key: Key, order: Order) -> None:
        """Somebody else has claimed a run: look at it again later."""
        self._held.append((key, order))

    def settled(self) -> Iterator[tuple[Key, Order, Met]]:
        """The runs that nobody else is at any more, and what has become of them."""
        for _ in range(len(self._held)):
            key, order = self._held.popleft()
            if self.finished(order) is None and self._claims.taken_by_others(order.id):
                self._held.append((key, order))
            else:
                yield key, order, self.finished(order) or self.failed(key, order)

    def finished(self, order: Order) -> Record | None:
        """The record of a run that somebody else has committed since the plan was made, or None."""
        if not os.path.isdir(self._store.layout.run_text(order.id, order.attempt)):
            return None
        record = self._store.newest(order.id)
        return record if record is not None and record.attempt >= order.attempt else None

    def failed(self, key: Key, order: Order) -> Failure | None:
        """The failure of a run that somebody else has recorded since the plan was made, or None.

        A run that is new had none then. For others the file tells, whose time and number change when it is written:
        no two machines' clocks are compared.
        """
        found = failures.stamp(self._store.layout, order.id)
        new = (
            self._plan.tasks[key[0]].reason[key[1]] == Reason.NEW
            and order.id == self._plan.tasks[key[0]].ids[key[1]].hex()
        )
        if found is None or (not new and found == self._old_failures.get(order.id)):
            return None
        return failures.read(self._store.layout, order.id)

"""Leases and claims: one owner at a time, whoever dies, sleeps or is declared dead at the wrong moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from quadrat.store.claims import Claims
from quadrat.store.layout import Layout
from quadrat.store.lease import Lease
from quadrat.store.store import Store
from quadrat.store.upkeep import dead_leftovers, live_owners, remove

RUN = "0" * 32


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    store = Store(tmp_path / "runs")
    store.prepare()
    return store.layout


class Owners:
    """Makes owners, and ends them after the test."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._leases: list[Lease] = []

    def __call__(self) -> tuple[Lease, Claims]:
        lease = Lease(self._layout)
        self._leases.append(lease)
        return lease, Claims(self._layout, lease)

    def end(self) -> None:
        for lease in self._leases:
            lease.release()


@pytest.fixture
def owner(layout: Layout) -> Iterator[Owners]:
    owners = Owners(layout)
    yield owners
    owners.end()


def _declare_dead(layout: Layout, lease: Lease) -> None:
    """What another process does that finds the lease too old."""
    os.utime(lease.path, (1, 1))
    assert lease.owner not in live_owners(layout)
    assert not lease.held()


def test_a_claim_is_one_owners(layout: Layout, owner: Owners) -> None:
    (_, one), (_, other) = owner(), owner()
    assert one.take(RUN)
    assert one.take(RUN), "one's own claim is kept"
    assert not other.take(RUN)
    assert other.taken_by_others(RUN)
    assert not one.taken_by_others(RUN)
    one.release(RUN)
    assert other.take(RUN)
    other.release_all()
    assert list(layout.claims.iterdir()) == []


def test_a_claim_of_the_dead_is_taken_over_by_one(layout: Layout, owner: Owners) -> None:
    (sleeper, one), (_, other), (_, third) = owner(), owner(), owner()
    assert one.take(RUN)
    _declare_dead(layout, sleeper)
    assert other.take(RUN)
    assert not third.take(RUN)
    assert not one.take(RUN), "the sleeper wakes: its claim is void"
    assert sleeper.held()
    other.release(RUN)
    assert one.take(RUN)


def test_a_reaped_generation_does_not_let_a_third_in(layout: Layout, owner: Owners) -> None:
    """The void first claim is reaped while the second is held: its name is free, the run is not."""
    (sleeper, one), (_, other), (_, third) = owner(), owner(), owner()
    assert one.take(RUN)
    _declare_dead(layout, sleeper)
    assert other.take(RUN)
    for leftover in dead_leftovers(layout):
        remove(leftover)
    assert [path.name for path in layout.claims.iterdir()] == [f"{RUN}.2"]
    assert not third.take(RUN)
    other.release(RUN)
    assert third.take(RUN)


def test_a_void_claim_is_not_released_under_its_new_owner(layout: Layout, owner: Owners) -> None:
    (sleeper, one), (_, other), (_, third) = owner(), owner(), owner()
    assert one.take(RUN)
    _declare_dead(layout, sleeper)
    for leftover in dead_leftovers(layout):
        remove(leftover)
    assert other.take(RUN)
    one.release(RUN)
    assert not third.take(RUN)


def test_a_lease_taken_anew_keeps_its_owner_alive(layout: Layout, owner: Owners) -> None:
    lease, claims = owner()
    name = lease.owner
    _declare_dead(layout, lease)
    assert claims.take(RUN), "noticed while claiming"
    assert lease.owner == name
    assert live_owners(layout) == {name}
    lease.release()
    assert list(layout.dead_leases.iterdir()) == []


def test_reaping_spares_the_living(layout: Layout, owner: Owners) -> None:
    lease, claims = owner()
    claims.take(RUN)
    layout.staging(RUN, lease.owner, "n").mkdir()
    layout.staging(RUN, "gone-1-2", "n").mkdir()
    assert [leftover.path.name for leftover in dead_leftovers(layout)] == [f".{RUN}~gone-1-2~n"]

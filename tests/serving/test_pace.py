"""How fast a sweep goes and how long it takes, against sweeps whose course is known."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from quadrat.watching.pace import left_of, per_minute
from quadrat.watching.state import TaskState

NOW = 1.8e9


def task(waiting: int, *, running: int = 0, seconds: float | None = None, pace: float = 0.0) -> TaskState:
    """A task on its way."""
    return TaskState("t", waiting + running, 0, running, 0, waiting, 0, seconds, pace)


@given(every=st.floats(0.01, 60), count=st.integers(2, 500), old=st.integers(0, 200))
def test_the_pace_of_a_steady_sweep_is_found_whatever_ended_long_ago(every: float, count: int, old: int) -> None:
    ends = [NOW - every * place for place in range(count) if every * place < 3000]
    before = [NOW - 86400 - place for place in range(old)]
    found = per_minute(np.array([*before, *ends]), NOW)
    wanted = 60 / every if len(ends) > 1 and every * (min(len(ends), 50) - 1) >= 1 else None
    if wanted is not None:
        assert found == pytest.approx(wanted)
    assert found <= 60 * 50


def test_a_pace_fades_when_nothing_ends_any_more() -> None:
    ends = np.array([NOW - 10, NOW - 20, NOW - 30])
    assert per_minute(ends, NOW) > per_minute(ends, NOW + 600) > per_minute(ends, NOW + 7200) == 0
    assert per_minute(np.array([NOW]), NOW) == per_minute(np.array([]), NOW) == 0


def test_short_runs_take_as_long_as_they_do_and_not_as_long_as_their_functions() -> None:
    left, at_least = left_of([task(30_000, seconds=0.001, pace=60 * 750)])
    assert left == pytest.approx(40)
    assert not at_least


def test_what_comes_later_is_shared_by_as_many_as_work_now() -> None:
    # Four workers, runs of 10 s: 24 ends a minute. 48 are left, and 8 of another task that take 20 s each.
    left, at_least = left_of([task(44, running=4, seconds=10, pace=24), task(8, seconds=20)])
    assert left == pytest.approx(120 + 40)
    assert not at_least
    assert left_of([task(44, running=4, seconds=10, pace=24), task(8)]) == (pytest.approx(120), True)


def test_nothing_known_is_nothing_said() -> None:
    assert left_of([task(10, running=2)]) == (None, False)
    assert left_of([task(0)]) == (None, False)

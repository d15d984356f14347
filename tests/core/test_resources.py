"""Amounts of memory and time as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quadrat as qd
from quadrat.core.resources import parse_duration, parse_memory


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GB", 2 * 10**9), ("512MiB", 512 * 2**20), ("1.5 g", 15 * 10**8), ("100", 100), (4096, 4096), ("2ki", 2048)],
)
def test_memory(text: str | int, expected: int) -> None:
    assert parse_memory(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "0", 0, "2 GHz", True, "1e9"])
def test_what_is_no_memory(text: str | int) -> None:
    with pytest.raises(qd.BadInput, match="is not an amount of memory"):
        parse_memory(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("1.5h", 5400), ("2d", 172800), ("1h30m", 5400), ("10 min", 600), ("01:30:00", 5400),
     ("1-00:00:10", 86410), (12, 12), (0.5, 0.5)],
)  # fmt: skip
def test_durations(text: str | float, expected: float) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "0s", "-1s", 0, -1, float("inf"), float("nan"), True, "1h x"])
def test_what_is_no_duration(text: str | float) -> None:
    with pytest.raises(qd.BadInput, match="is not a duration"):
        parse_duration(text)


@given(st.integers(1, 10**6))
def test_seconds_are_seconds(seconds: int) -> None:
    assert parse_duration(f"{seconds}s") == parse_duration(seconds) == seconds
    days, rest = divmod(seconds, 86400)
    clock = f"{days}-{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    assert parse_duration(clock) == seconds


@pytest.mark.parametrize("cpus", [0, -1, 1.5, True, "2"])
def test_cpus_are_whole(cpus: int) -> None:
    with pytest.raises(qd.BadInput, match="is not a number of cpus"):
        qd.Resources(cpus=cpus)


@pytest.mark.parametrize("gpus", [-1, True, "1", float("inf"), float("nan")])
def test_gpus_are_numbers(gpus: float) -> None:
    with pytest.raises(qd.BadInput, match="is not a number of gpus"):
        qd.Resources(gpus=gpus)

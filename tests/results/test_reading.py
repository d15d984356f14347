"""What a reader is told of runs that were not made alike."""

from __future__ import annotations

from collections import Counter

import numpy as np

from quadrat.results.reading import Runs, mixing_note

ENVIRONMENTS = {
    "old": {"python": "3.11.9", "packages": {"torch": "2.12", "numpy": "2.4"}},
    "new": {"python": "3.11.9", "packages": {"torch": "2.13", "numpy": "2.4", "zarr": "3.0"}},
}


def runs(codes: dict[str, int], environments: dict[str, int], versions: dict[int, int]) -> Runs:
    rows = np.zeros(0, np.int64)
    return Runs(rows, codes=Counter(codes), environments=Counter(environments), versions=Counter(versions))


def test_nothing_is_said_of_runs_that_are_alike() -> None:
    assert mixing_note({"train": runs({"a": 3}, {"old": 3}, {1: 3})}, ENVIRONMENTS.__getitem__) is None


def test_code_versions_and_environments_are_told_in_one_line() -> None:
    note = mixing_note(
        {
            "train": runs({"a": 3, "b": 15}, {"old": 3, "new": 15}, {1: 18}),
            "attack": runs({"c": 18}, {"new": 18}, {1: 9, 2: 9}),
        },
        ENVIRONMENTS.__getitem__,
    )
    assert note == (
        "these rows mix 2 states of the code of 'train' (15 + 3 runs), versions 1 and 2 of 'attack' "
        "and 2 environments (torch 2.12 / 2.13, zarr none / 3.0)"
    )


def test_many_differences_are_counted() -> None:
    environments = {name: {"packages": {f"p{place}": name for place in range(9)}} for name in ("x", "y")}
    note = mixing_note({"train": runs({"a": 2}, {"x": 1, "y": 1}, {1: 2})}, environments.__getitem__)
    assert note == "these rows mix 2 environments (p0 x / y, p1 x / y, p2 x / y, and 6 more)"

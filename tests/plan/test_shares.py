"""How the runs of the shipped sweep are cut into shares, and what limits change about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from quadrat.core.resources import parse_memory
from quadrat.plan.frozen import Frozen, freeze
from quadrat.plan.shares import Share, cut_into_shares
from studying import plan, write_study

CHAINS = """
study = qd.Study("chains")

@study.task
def data() -> dict: ...

@study.task(walltime="10m", memory="1GB")
def train(data: qd.Done[Any, Any], seed: int = 0) -> dict: ...

@study.task(walltime="5m")
def attack(train: qd.Done[Any, Any], data: qd.Done[Any, Any], eps: float = 0.1) -> dict: ...

@study.task(gpus=1)
def render(attack: qd.Done[Any, Any]) -> dict: ...

@study.task
def mean(attack: Annotated[qd.Many[Any, Any], qd.over("seed")]) -> dict: ...
"""


def cold(folder: Path, *overrides: str) -> Frozen:
    made = plan(write_study(folder, CHAINS), *overrides)
    return freeze(made, {name: np.zeros(one.size, np.int32) for name, one in made.tasks.items()}, {})


def shown(shares: list[Share]) -> list[tuple[int, dict[str, int], tuple[int, ...]]]:
    return [(one.stage, {name: len(runs) for name, runs in one.runs.items()}, one.after) for one in shares]


def test_chains_stay_whole_and_what_many_read_goes_first(tmp_path: Path) -> None:
    assert shown(cut_into_shares(cold(tmp_path, "seed=1,2,3"))) == [
        (0, {"data": 1}, ()),
        (1, {"train": 1, "attack": 1}, (0,)),
        (1, {"train": 1, "attack": 1}, (0,)),
        (1, {"train": 1, "attack": 1}, (0,)),
        (2, {"mean": 1}, (1, 2, 3)),
        (2, {"render": 1}, (1,)),  # it needs another machine
        (2, {"render": 1}, (2,)),
        (2, {"render": 1}, (3,)),
    ]


def test_a_bundle_takes_several_chains_and_all_where_all_fit(tmp_path: Path) -> None:
    frozen = cold(tmp_path, "seed=range(6)")
    sizes = [one.runs for one in cut_into_shares(frozen, bundle=4) if "train" in one.runs]
    assert [{name: len(runs) for name, runs in one.items()} for one in sizes] == [{"train": 2, "attack": 2}] * 3
    assert shown(cut_into_shares(frozen, bundle=100))[0] == (0, {"data": 1, "train": 6, "attack": 6, "mean": 1}, ())


def test_no_share_takes_longer_than_a_job_may(tmp_path: Path) -> None:
    frozen = cold(tmp_path, "seed=range(6)")
    shares = cut_into_shares(frozen, bundle=100, limit=1800)
    assert max(one.seconds or 0 for one in shares) == 1800
    whole = cut_into_shares(frozen, bundle=100, limit=3600)
    assert max(one.seconds or 0 for one in whole) == 3600


def test_there_are_no_more_shares_than_wanted(tmp_path: Path) -> None:
    shares = cut_into_shares(cold(tmp_path, "seed=range(50)"), most=7)
    kinds = Counter((one.stage, one.resources.gpus) for one in shares)
    assert kinds == {(0, 0): 1, (1, 0): 7, (2, 0): 1, (2, 1): 7}
    assert [one.resources.memory for one in shares if "train" in one.runs] == [parse_memory("1GB")] * 7

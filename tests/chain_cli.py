"""A small study, and the command line as a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STUDY = '''
"""A chain of three tasks, of which some runs fail."""

from __future__ import annotations

from typing import Annotated

import quadrat as qd

study = qd.Study("chain")


class Fit(qd.Params):
    lr: float = 0.1
    """learning rate"""
    seed: int = 0


class Fitted(qd.Result):
    loss: float
    """loss"""
    weights: qd.File


class Test(qd.Params):
    eps: float = 0.5


class Tested(qd.Result):
    acc: float


class Averaged(qd.Result):
    acc: float
    n: int


@study.task
def fit(params: Fit, run: qd.Run) -> Fitted:
    print(f"fitting with {params.lr}")
    if params.lr > 5:
        raise ValueError(f"the rate {params.lr} is too large")
    file = run.file("weights.txt")
    file.write_text(f"{params.lr} {run.seed('init')}")
    return Fitted(loss=params.lr * 2 + params.seed, weights=file)


@study.task
def test(params: Test, fit: qd.Done[Fit, Fitted]) -> Tested:
    return Tested(acc=fit.result.loss + params.eps)


@study.task
def average(test: Annotated[qd.Many[Test, Tested], qd.over("seed")]) -> Averaged:
    return Averaged(acc=sum(one.acc for one in test.results) / len(test), n=len(test))


study.view(fit, "weights/lr{lr}_seed{seed:03d}.txt", artifact="weights")
study.part("part_one", fit)
'''


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """The command line in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study = folder / "chain.py"
        self.study.write_text(STUDY)

    def __call__(self, *arguments: str, code: int | None = 0, **environment: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "quadrat", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **environment},
            check=False,
        )
        if code is not None:
            assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr or "ValueError" in done.stderr, done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)

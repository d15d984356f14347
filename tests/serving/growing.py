"""A study for tests in a browser: each step of a run waits until a file is there, so that the test sets the pace."""

from __future__ import annotations

import os
import time
from pathlib import Path

import quadrat as qd

study = qd.Study("growing")

GATES = Path(os.environ.get("GROWING_GATES", "gates"))
SECONDS = 120


class Fitted(qd.Result):
    """What a fit came to."""

    loss: float


@study.task
def fit(run: qd.Run, rate: float = 0.1, seed: int = 0) -> Fitted:
    """Fit something, step by step."""
    print(f"<script>alert('log')</script> rate {rate}")
    if rate > 5:
        raise ValueError(f"too fast: <img src=x onerror=alert(1)> {rate}")
    for step in range(4):
        _wait(f"{seed}.{step}")
        run.log(step, loss=1 / (1 + step))
        run.progress(step + 1, 4, "steps")
        run.flush()
        print(f"at step {step}")
    _wait(f"{seed}.end")
    return Fitted(loss=rate + seed)


def _wait(gate: str) -> None:
    end = time.monotonic() + SECONDS
    while not (GATES / gate).exists() and time.monotonic() < end:
        time.sleep(0.02)

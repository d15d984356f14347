"""A study for tests of the live page: hostile texts, curves, an artifact, a folder, failures, a gather."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import quadrat as qd

study = qd.Study("odd")

LONG = "x" * 1_000_000


class Fitted(qd.Result):
    """What a fit came to."""

    loss: float
    odd: float
    picture: qd.File
    files: qd.Folder


@study.task
def fit(run: qd.Run, text: str = "a", rate: float = 0.1, seed: int = 0) -> Fitted:
    """Fit something."""
    print(f"\x1b[31mred\x1b[0m <b>{text}</b>\rover\n{LONG if rate > 5 else ''}")
    if rate > 5:
        raise ValueError(f"too fast: <{text}>")
    for step in range(30):
        run.log(step, **{"loss": 1 / (1 + step), "<i>odd</i>": float("nan") if step == 3 else step})
    picture = run.file("p.svg")
    picture.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    folder = run.file("files/a.txt").parent
    Path(folder, "a.txt").write_text("<script>alert(2)</script>")
    return Fitted(loss=rate + seed / 10, odd=float("nan"), picture=picture, files=qd.Folder(folder))


class Mean(qd.Result):
    """A mean."""

    loss: float


@study.task
def mean(fit: Annotated[qd.Many[Any, Fitted], qd.over("seed")]) -> Mean:
    """The mean over seeds."""
    return Mean(loss=sum(one.result.loss for one in fit) / len(fit))

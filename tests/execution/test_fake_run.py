"""`quadrat.testing.fake_run`: a task is called plainly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import quadrat as qd
from quadrat.testing import fake_run

study = qd.Study("plain")


class Train(qd.Params):
    epochs: int = 1
    seed: int = 0


class Trained(qd.Result):
    loss: float
    weights: qd.File


@study.task(extends="epochs")
def train(params: Train, run: qd.Run) -> Trained:
    weights = run.file("deep/weights.txt")
    weights.write_text(str(run.seed("init")))
    (run.scratch / "checkpoint").touch()
    run.log(1, loss=0.5)
    return Trained(loss=0.5, weights=weights)


def test_a_task_is_called_plainly(tmp_path: Path) -> None:
    trained = train(Train(seed=3), fake_run(tmp_path, seed=3))
    assert trained.weights.is_relative_to(tmp_path)
    assert trained.weights.read_text() == str(fake_run(tmp_path, seed=3).seed("init"))
    assert trained.weights.read_text() != str(fake_run(tmp_path, seed=4).seed("init"))


def test_the_handle_is_as_in_a_sweep(tmp_path: Path) -> None:
    done = qd.Done("0" * 32, Train(), Trained(loss=0.1, weights=qd.File(tmp_path / "w")))
    run = fake_run(tmp_path / "new", seed=None, previous=done, attempt=2)
    assert run.previous is done
    assert run.attempt == 2
    assert run.time_left is None
    run.progress(1, 2, "half")
    run.progress(np.int64(1), np.float32(2))
    with pytest.raises(qd.BadInput, match=r"run\.progress: 'total' is no number but 'many'"):
        run.progress(1, "many")  # type: ignore[arg-type]
    with pytest.raises(qd.BadInput, match="no parameter 'seed'"):
        run.seed("init")
    with pytest.raises(qd.BadInput, match="no name for a file"):
        run.file("../elsewhere")

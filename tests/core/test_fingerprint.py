"""The fingerprint of a task's code: what changes it, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from quadrat.core.fingerprint import fingerprint
from quadrat.core.loading import find_study
from studying import write_study

STUDY = '''
from helping import scale
from helping import unused as other

study = qd.Study("s")
RATE = 2.0

def twice(value: float) -> float:
    return value * RATE

@study.task
def train(lr: float = 0.1) -> dict:
    """Train."""
    return {"loss": twice(scale(lr))}  # a comment

@study.task
def apart(lr: float = 0.1) -> dict:
    return {"loss": lr}
'''
HELPING = "FACTOR = 3\ndef scale(x):\n    return x * FACTOR\ndef unused(x):\n    return x\n"


def prints(folder: Path, study: str = STUDY, helping: str = HELPING) -> dict[str, str]:
    """The fingerprints of the study as it is written here."""
    folder.mkdir()
    (folder / "helping.py").write_text(helping)
    file = write_study(folder, study)
    loaded = find_study(str(file)).study
    return {name: fingerprint(task) for name, task in loaded.tasks.items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", ""),
        ('"""Train."""', '"""Train a model."""'),
        ("@study.task\ndef train", "@study.task(cpus=2, retries=1)\ndef train"),
        ("value * RATE", "(value\n            * RATE)"),
    ],
    ids=["comment", "docstring", "declared", "layout"],
)
def test_what_does_not_change_the_fingerprint(tmp_path: Path, old: str, new: str) -> None:
    assert old in STUDY
    assert prints(tmp_path / "a") == prints(tmp_path / "b", STUDY.replace(old, new))


@pytest.mark.parametrize(
    ("study", "helping"),
    [
        (STUDY.replace("twice(scale(lr))", "scale(lr)"), HELPING),
        (STUDY.replace("value * RATE", "value + RATE"), HELPING),
        (STUDY.replace("RATE = 2.0", "RATE = 2.5"), HELPING),
        (STUDY, HELPING.replace("x * FACTOR", "x - FACTOR")),
        (STUDY, HELPING.replace("FACTOR = 3", "FACTOR = 4")),
    ],
    ids=["body", "function", "constant", "module", "constant of a module"],
)
def test_what_changes_the_fingerprint_of_the_task_that_reaches_it(tmp_path: Path, study: str, helping: str) -> None:
    before, after = prints(tmp_path / "a"), prints(tmp_path / "b", study, helping)
    assert before["train"] != after["train"]
    assert before["apart"] == after["apart"]


def test_what_is_not_reached_does_not_count(tmp_path: Path) -> None:
    changed = HELPING.replace("def unused(x):\n    return x", "def unused(x):\n    return -x")
    assert prints(tmp_path / "a") == prints(tmp_path / "b", helping=changed)

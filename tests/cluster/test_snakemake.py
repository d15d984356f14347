"""Snakemake's SLURM plugin on a real SLURM, with the profile that `quadrat snakefile` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.conftest import Lab
from e2e.harness import wait_until
from snakefiles.flow import BODY, Flow

SWEEP = ("seed=1,2", "noise=0.0,0.5")
PROFILE = ("--profile", "slurm", "-j", "100")


pytestmark = pytest.mark.slow


@pytest.fixture
def flow(lab: Lab, tmp_path: Path) -> Flow:
    """A folder whose commands see the lab."""
    made = Flow(tmp_path)
    path = made.environment["PATH"]
    made.environment |= {**lab.environment, "PATH": f"{lab.dir / 'bin'}:{path}"}
    return made


def test_chunks_finish_and_what_is_edited_meanwhile_changes_nothing(flow: Flow) -> None:
    conf = flow.folder / "conf" / "config.yaml"
    conf.parent.mkdir()
    conf.write_text("mode: wait\nsweep:\n  seed: [1, 2]\n  noise: [0.0, 0.5]\n")
    flow.write_snakefile("--chunk", "100")
    process = flow.start(*PROFILE)
    wait_until(flow.notes)
    conf.write_text("mode: work\nmodel: other\nsweep:\n  seed: [8, 9]\n")
    flow.write(BODY.replace("score=train.result.size", "score=1000 + train.result.size"))
    (flow.side / "go").touch()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert {(record.params["model"], record.params["seed"]) for record in flow.records("train")} == {
        ("net", 1),
        ("net", 2),
    }
    assert sorted(record.metrics["score"] for record in flow.records("test")) == [3.5, 4.0, 4.5, 5.0]
    assert len(flow.records("mean")) == 2
    assert "has been submitted with SLURM jobid" in said
    flow.check()


def test_a_job_for_each_run_and_one_that_fails(flow: Flow) -> None:
    flow.write_snakefile(*SWEEP)
    process = flow.start(*PROFILE, "all_train_model", "--config", "mode=raise", "args=[a b,'it''s']")
    said, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert sorted(record.params["args"] for record in flow.records()) == ["a b", "it's"]
    assert {failure.message for failure in flow.failures()} == {"ValueError: no such layer"}
    assert said.count("has been submitted with SLURM jobid") == 4
    flow.check()

"""Hydra's front door of wwdc on a real SLURM, through submitit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from studies.wwdc.tiny import Project

if TYPE_CHECKING:
    from cluster.conftest import Lab


@pytest.mark.slow
def test_the_sweep_of_an_experiment_as_an_array(lab: Lab, tmp_path: Path) -> None:
    """`hydra/launcher=arc`: products are named by SLURM's own ids, and each has its info file."""
    project = Project(tmp_path, images=120)
    project.hydra("train", "-cn", "experiment/TINY_VAE/train", "trainer.max_epochs=1")
    command = [sys.executable, "-m", "quadrat_studies.wwdc.train", "-cn", "experiment/TINY_FLOW/train", "-m"]
    options = ["hydra/launcher=arc", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"]
    sweep = ["+data.x_ds.drop_variables=[b,angle,scale],[r,g,b]", "+seed=42", "trainer.max_epochs=1"]
    line = f'export DATA_ROOT={tmp_path / "data"}; exec "$@"'
    lab.run("bash", "-c", line, "bash", *command, *options, *sweep, cwd=tmp_path, timeout=240)
    infos = [yaml.safe_load(path.read_text()) for path in (tmp_path / "data/TINY/FLOW/ckpts").glob("*_info.yaml")]
    infos.sort(key=lambda info: info["job_num"])
    array = infos[0]["job_id"].partition("_")[0]
    assert [info["job_id"] for info in infos] == [f"{array}_0", f"{array}_1"]
    assert [info["drop_variables"] for info in infos] == [["b", "angle", "scale"], ["r", "g", "b"]]
    assert all(Path(info["model_fp"]).stem == info["job_id"] for info in infos)
    assert list((tmp_path / "data/TINY/FLOW/multiruns").rglob("*.pkl"))  # submitit's own, beside the jobs' outputs

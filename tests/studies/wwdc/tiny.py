"""A folder in which a user of wwdc works, with a tiny experiment of their own, and commands in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from quadrat_studies.wwdc.products import read_infos
from snakefiles.warm import warm

MODEL = """
lightning_loader:
  _target_: wwdc.training.lightning_loaders.LightningFlow
  vae: { _target_: wwdc.models.rgbmnist.VAE, hidden_dim: 8 }
  flow: { _target_: wwdc.models.rgbmnist.Flow, features: 6, context: 12, hidden_features: [16, 16], transforms: 2 }
  lr: 0.003
  size: 6
  batch_size: ${data.loader.batch_size}
  vae_ckpt_path: ${paths.vae_ckpt_dir}
"""
OF_VAE = """
lightning_loader:
  _target_: wwdc.training.lightning_loaders.LightningVAE
  vae: { _target_: wwdc.models.rgbmnist.VAE, hidden_dim: 8 }
  lr: 0.003
  size: 6
  batch_size: ${data.loader.batch_size}
"""
TRAINER = """
model_checkpoint:
  _target_: lightning.pytorch.callbacks.ModelCheckpoint
  dirpath: ${paths.experiment_path}/ckpts/
  save_top_k: 1
  filename: ${hydra:job.id}
  monitor: val_loss
  mode: min
trainer:
  max_epochs: 3
  logger: ["${logger.csv}"]
  callbacks: ["${...model_checkpoint}"]
trainer_ckpt_path: null
"""
TRAIN = """# @package _global_
defaults: [/data/tiny, /trainer/cpu, /logger/csv, /paths/default, /hydra/default, model, sweeps, meta, _self_]
hydra:
  sweeper:
    params:
      +data.x_ds.drop_variables: ${....sweeps.sweep_1.val}, ${....sweeps.sweep_2.val}
      +seed: 42, 43
"""
EMBED = """# @package _global_
defaults: [train, /analysis/tiny, _self_]
splits: [train, test, anomaly]
"""
SWEEPS = """
sweeps:
  sweep_1: { param: x_ds.drop_variables, val: '["b", "angle", "scale"]', description: 'Drop b, angle and scale' }
  sweep_2: { param: x_ds.drop_variables, val: '["r", "g", "b"]', description: 'Drop the colour' }
"""
ANALYSIS = """
tests:
  - { _target_: wwdc.statistics.normality.mahalanobis }
  - { _target_: wwdc.statistics.dependence.regression, samples: 60, permutations: 99 }
anomaly:
  bootstrap: 20
  detectors:
    - { name: "−log p", score: log_prob_marginal }
    - { name: Mahalanobis, _target_: wwdc.anomaly.detectors.Mahalanobis, features: u }
    - { name: isolation forest, _target_: pyod.models.iforest.IForest, features: z, n_estimators: 10 }
learning: { strategies: [uncertain, random], initial: 4, batch: 4, rounds: 2, repeats: 2, contamination: 0.2 }
"""


def data(images: int) -> str:
    """The tiny data: a few of the bundled digits."""
    sizes = {"images": images, "copies": 1, "size": 16, "anomalies": 20}
    names = {"data_name": "${meta.data_name}", "catalog_name": "${meta.catalog_name}", "source": "digits"}
    return yaml.safe_dump({"catalog": {**names, **sizes}, "x_ds": {}, "loader": {"batch_size": 64}})


class Project:
    """A folder with conf/experiment/TINY_FLOW and TINY_VAE.

    Args:
        folder: where.
        images: digits that the data are made from.
    """

    def __init__(self, folder: Path, images: int = 500) -> None:
        self.folder = folder
        for kind, model in (("FLOW", MODEL), ("VAE", OF_VAE)):
            meta = {"data_name": "TINY", "catalog_name": "rgdigit", "experiment_name": kind}
            meta["experiment_path"] = "${paths.data_dir}/${meta.data_name}/${meta.experiment_name}/"
            self.write(f"experiment/TINY_{kind}/meta.yaml", yaml.safe_dump({"meta": meta}))
            self.write(f"experiment/TINY_{kind}/model.yaml", model + TRAINER)
        self.write("experiment/TINY_FLOW/sweeps.yaml", SWEEPS)
        self.write("experiment/TINY_FLOW/train.yaml", TRAIN)
        self.write("experiment/TINY_FLOW/embed.yaml", EMBED)
        no_sweep = TRAIN[: TRAIN.index("hydra:")].replace(" sweeps,", "")
        self.write("experiment/TINY_VAE/train.yaml", no_sweep)
        self.write("data/tiny.yaml", data(images))
        self.write("analysis/tiny.yaml", ANALYSIS)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "DATA_ROOT": str(folder / "data")}

    def write(self, name: str, text: str) -> None:
        """Write a file of conf/."""
        path = self.folder / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def quadrat(self, *arguments: str, code: int = 0) -> str:
        """Call `quadrat`, in a process that has imported most of it; returns what it says."""
        found, said = warm().call("quadrat", list(arguments), self.folder, self.environment)
        assert found == code, said
        return said

    def hydra(self, module: str, *arguments: str, code: int = 0) -> str:
        """Call a module of the study as users of Hydra do; returns what it says."""
        command = ["-m", f"quadrat_studies.wwdc.{module}", *arguments]
        found, said = warm().call("python", command, self.folder, self.environment)
        assert found == code, said
        return said

    def infos(self, folder: str) -> dict[Any, dict[str, Any]]:
        """The info files of a folder, by what the flow was not told and its seed."""
        read = read_infos(self.folder / folder)
        return {(tuple(info.get("drop_variables") or ()), info["seed"]): info for info in read}

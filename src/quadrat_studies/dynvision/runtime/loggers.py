"""Loggers of a training beside its csv file: TensorBoard, Weights & Biases."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quadrat import BadInput

from ..params import Training

PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb"}


def check_loggers(training: Training) -> None:
    """Whether the loggers are installed.

    Raises:
        BadInput: where one is not.
    """
    for name in training.loggers:
        if find_spec(PACKAGES[name]) is None:
            raise BadInput(
                f"the logger '{name}' is not installed", where="loggers", hint=f"pip install {PACKAGES[name]}"
            )


def make_loggers(training: Training, folder: Path) -> list[Any]:
    """Lightning's loggers, which write below a folder; wandb offline, unless its own settings say otherwise.

    Raises:
        BadInput: for one that is not installed.
    """
    check_loggers(training)
    made: list[Any] = []
    if "tensorboard" in training.loggers:
        from lightning.pytorch.loggers import TensorBoardLogger

        made.append(TensorBoardLogger(str(folder), name="", version="tensorboard"))
    if "wandb" in training.loggers:
        import os

        from lightning.pytorch.loggers import WandbLogger

        folder.mkdir(parents=True, exist_ok=True)
        made.append(WandbLogger(save_dir=str(folder), offline=os.environ.get("WANDB_MODE", "offline") == "offline"))
    return made

"""Training a model: from its first weights, from where an interruption has left it, or on from fewer epochs."""

from __future__ import annotations

import csv
import logging
import shutil
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch import Tensor

from quadrat import BadInput

from ..images.batches import Batches
from ..networks import RecurrentNetwork
from ..params import Training
from .keeping import Keeper, Tell
from .learner import Learner

LAST = "last.ckpt"


@dataclass(frozen=True)
class Fit:
    """A training that is over.

    Attributes:
        weights, best: state dicts of the network, of the last epoch and of the best one.
        best_epoch: which that is.
        history: the values of each epoch.
        last: those of the last one.
    """

    weights: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    best_epoch: int
    history: list[dict[str, float]]
    last: dict[str, float]


def fit(
    network: RecurrentNetwork,
    training: Training,
    loaders: tuple[Batches, Batches],
    seed: int,
    scratch: Path,
    kept: Path,
    *,
    before: Path | None = None,
    loggers: Iterable[Any] = (),
    tell: Tell = lambda epoch, values: None,
) -> Fit:
    """Train a network.

    Args:
        network: the network, with the weights that training begins with.
        training: the settings.
        loaders: batches of training and of validation.
        seed: of everything random.
        scratch: a folder that outlives an interruption; its checkpoint is gone on from, if there is one.
        kept: the folder for checkpoints that stay; the last one is there in the end.
        before: the checkpoint of a shorter training with the same settings.
        loggers: of Lightning.
        tell: called after each epoch.

    Raises:
        BadInput: for a checkpoint of another model.
    """
    last = scratch / LAST
    start = last if last.exists() else before
    keeper = Keeper(last, kept, training.save_every, training.check_val_every_n_epoch, tell)
    learner = Learner(network, training, seed)
    with warnings.catch_warnings():
        # Batches are made by this process from mapped memory; more workers would only copy them.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning's own use of torch
        warnings.filterwarnings("ignore", message="The `srun` command is available")  # and need not be used
        _fit(_trainer(training, keeper, list(loggers), scratch, len(loaders[0])), learner, loaders, start)
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(last, kept / LAST)
    state = network.state_dict()
    best = {name.removeprefix("network."): value for name, value in keeper.best.items()} or state
    return Fit(state, best, keeper.best_epoch or len(keeper.history), keeper.history, _last(keeper.history))


def _last(history: list[dict[str, float]]) -> dict[str, float]:
    """The last values of everything: of what is validated the last time that it was."""
    found: dict[str, float] = {}
    for values in history:
        found |= values
    return found


def _trainer(training: Training, keeper: Keeper, loggers: list[Any], folder: Path, batches: int) -> lightning.Trainer:
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    stopping: list[Callback] = []
    if training.early_stop is not None:
        stopping.append(EarlyStopping("val_loss", patience=training.early_stop, check_on_train_epoch_end=False))
    return lightning.Trainer(
        max_epochs=training.epochs,
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        precision=training.precision,
        accumulate_grad_batches=training.accumulate_grad_batches,
        gradient_clip_val=training.gradient_clip,
        check_val_every_n_epoch=min(training.check_val_every_n_epoch, training.epochs),
        log_every_n_steps=min(training.log_every_n_steps, batches),
        num_sanity_val_steps=0,
        logger=loggers or False,
        callbacks=[*stopping, keeper],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        profiler=training.profiler,
        default_root_dir=folder,
        plugins=[LightningEnvironment()],  # one process, also inside a job of SLURM
    )


def _fit(trainer: lightning.Trainer, learner: Learner, loaders: tuple[Any, Any], start: Path | None) -> None:
    try:
        trainer.fit(learner, *loaders, ckpt_path=start, weights_only=True)
    except RuntimeError as error:
        if start is None or "state_dict" not in str(error):
            raise
        raise BadInput(
            f"the checkpoint is of another model: {str(error).splitlines()[-1].strip()}",
            where=str(start),
            hint="a training goes on from a checkpoint of the same arguments only",
        ) from None


def write_history(history: list[dict[str, float]], file: Path) -> None:
    """Write the values of all epochs as csv."""
    names = list(dict.fromkeys(name for values in history for name in values))
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, names)
        writer.writeheader()
        writer.writerows(history)

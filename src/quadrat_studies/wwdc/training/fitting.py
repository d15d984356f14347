"""Fits by Lightning that lose nothing: the best state, the curve, and a checkpoint of every epoch to go on from."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor

from quadrat.ml.lightning import close_loggers

from ..instantiating import make
from ..params import Tree
from .batches import Batches, SideBySide
from .lanes import Lanes

Values = dict[str, float]
Tell = Callable[[int, int, Values], None]
LAST = "last.ckpt"


@dataclass(frozen=True)
class Fit:
    """A training that is over.

    Attributes:
        state: the state dict of the epoch with the least validation loss.
        val_loss: that loss (nats for a sample).
        epoch: which epoch that is, from 0.
        history: train_loss and val_loss of every epoch.
    """

    state: Mapping[str, Tensor]
    val_loss: float
    epoch: int
    history: list[Values]


@dataclass(frozen=True)
class Job:
    """One of the trainings of a fit: what is trained, on what, and who is told."""

    loader: Any
    train: Batches
    val: Batches
    loggers: Sequence[Any] = ()


def fit(jobs: Sequence[Job], trainer: Tree, scratch: Path, tell: Tell = lambda lane, epoch, values: None) -> list[Fit]:
    """Train one loader, or flows that fit together side by side.

    Args:
        jobs: the trainings.
        trainer: the tree of Lightning's trainer; loggers, callbacks and folders are put in here.
        scratch: a folder that outlives an interruption; its checkpoint is gone on from, if there is one.
        tell: called after each epoch with the lane, epochs done, and {train_loss, val_loss}.
    """
    module, keeper = Lanes([job.loader for job in jobs]), _Keeper(jobs, scratch / LAST, tell)
    train, val = SideBySide([job.train for job in jobs]), SideBySide([job.val for job in jobs])
    last = scratch / LAST
    with quiet():
        made = make(
            {**trainer, "logger": False, "callbacks": None},
            "trainer",
            callbacks=[keeper],
            default_root_dir=scratch,
            enable_progress_bar=False,
            enable_checkpointing=False,
            **common_options(),
        )
        made.fit(module, train, val, ckpt_path=last if last.exists() else None, weights_only=True)
    for job in jobs:
        close_loggers(job.loggers)
    return keeper.fits()


def common_options() -> Tree:
    """What Lightning's trainer is told through every front door."""
    return {
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "log_every_n_steps": 1,
        "plugins": [LightningEnvironment()],  # one process, also inside a job of SLURM
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning from talking about itself."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Batches come from memory; workers would only copy them.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning's own use of torch
        warnings.filterwarnings("ignore", message="The `srun` command is available")  # and need not be used
        warnings.filterwarnings("ignore", message=".*torchmetrics.*")
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        warnings.filterwarnings("ignore", message="Experiment logs directory .* exists and is not empty")
        yield


class _Keeper(lightning.Callback):
    """After each epoch: logs, keeps the best state of each lane, and writes the checkpoint to go on from."""

    def __init__(self, jobs: Sequence[Job], last: Path, tell: Tell) -> None:
        self._jobs, self._last, self._tell = jobs, last, tell
        self._history: list[list[Values]] = [[] for _ in jobs]
        self._best: list[dict[str, Any]] = [{"val_loss": float("inf"), "epoch": -1, "state": {}} for _ in jobs]

    def state_dict(self) -> dict[str, Any]:
        """What a training that goes on needs to know."""
        return {"history": self._history, "best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on, and tell the loggers of this attempt what was before."""
        self._history, self._best = state_dict["history"], state_dict["best"]
        for job, history in zip(self._jobs, self._history, strict=True):
            for epoch, values in enumerate(history):
                _log(job, values, epoch)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Take the values of an epoch down."""
        epoch = trainer.current_epoch
        for lane, job in enumerate(self._jobs):
            values = {"train_loss": pl_module.train_loss(lane), "val_loss": pl_module.val_losses[lane]}
            values["step"] = float(trainer.global_step - 1)
            self._history[lane].append(values)
            if values["val_loss"] < self._best[lane]["val_loss"] or self._best[lane]["epoch"] < 0:
                state = {name: tensor.detach().clone() for name, tensor in job.loader.state_dict().items()}
                self._best[lane] = {"val_loss": values["val_loss"], "epoch": epoch, "state": state}
            _log(job, values, epoch)
            self._tell(lane, epoch + 1, {name: values[name] for name in ("train_loss", "val_loss")})
        waiting = self._last.with_suffix(".tmp")
        trainer.save_checkpoint(waiting, weights_only=False)
        waiting.replace(self._last)

    def fits(self) -> list[Fit]:
        """What came out."""
        pairs = zip(self._best, self._history, strict=True)
        return [Fit(best["state"], best["val_loss"], best["epoch"], history) for best, history in pairs]


def _log(job: Job, values: Values, epoch: int) -> None:
    for logger in job.loggers:
        for name in ("val_loss", "train_loss"):  # as Lightning's own loop does
            logger.log_metrics({name: values[name], "epoch": epoch}, step=int(values["step"]))


def save(path: Path, tree: Tree, fitted: Fit, **more: Any) -> None:
    """Keep the best state of a fit, with the tree that makes its loader: `training.loading` reads it."""
    kept = {"state_dict": dict(fitted.state), "lightning_loader": tree, "epoch": fitted.epoch}
    torch.save({**kept, "val_loss": fitted.val_loss, **more}, path)

"""What a training keeps beside the weights: the best ones, the history, and a checkpoint that is whole or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

Values = dict[str, float]
Tell = Callable[[int, Values], None]


class Keeper(Callback):
    """Keeps the best weights, by validation loss, and the history of all epochs; both are in checkpoints.

    Args:
        last: the file of the checkpoint that an interrupted training goes on from; written after every epoch.
        kept: the folder of checkpoints that stay.
        every: epochs from one of these to the next; None for none.
        validated: epochs from one validation to the next; only these count for the best weights, so that it does not
            matter whether a training was first a shorter one.
        tell: called after each epoch with the number of epochs done and their values.
    """

    def __init__(self, last: Path, kept: Path, every: int | None, validated: int, tell: Tell) -> None:
        self.best: dict[str, Tensor] = {}
        self.best_epoch = 0
        self.best_loss = float("inf")
        self.history: list[dict[str, float]] = []
        self._last = last
        self._kept = kept
        self._every = every
        self._validated = validated
        self._tell = tell

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the epoch; its validation, if it has one, is over by now."""
        epoch = trainer.current_epoch + 1
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if epoch % (trainer.check_val_every_n_epoch or 1):  # what is there is of an earlier epoch
            values = {name: value for name, value in values.items() if not name.startswith("val_")}
        elif epoch % self._validated == 0 and values["val_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = values["val_loss"], epoch
            self.best = {name: value.detach().cpu().clone() for name, value in pl_module.state_dict().items()}
        self.history.append({"epoch": epoch, **values})
        save(trainer, self._last)
        if self._every and epoch % self._every == 0:
            loss = values.get("val_loss", values["train_loss"])
            save(trainer, self._kept / f"trained-epoch={epoch}-{epoch:02d}-{loss:.4f}.ckpt")
        self._tell(epoch, values)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has of this."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "history": self.history,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it from a checkpoint."""
        for name, value in state_dict.items():
            setattr(self, name, value)


def save(trainer: Trainer, file: Path) -> None:
    """Write a checkpoint: whoever is killed meanwhile leaves the one that was there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    trainer.save_checkpoint(partial)
    partial.replace(file)

"""A model as Lightning trains it: images shown in time, losses and accuracies over the steps that ask for an answer."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from ..losses import ActivityLoss, accuracy, cross_entropy
from ..networks import RecurrentNetwork
from ..params import Training
from ..stimuli import check_timing, targets, training_order
from .optimising import make_optimiser

Batch = tuple[Tensor, Tensor]


class Learner(LightningModule):
    """A network and how it is trained.

    Args:
        network: the network.
        training: the settings.
        seed: of everything random in an epoch; with the number of the epoch, so that a training that goes on after an
            interruption draws what it would have drawn.
    """

    def __init__(self, network: RecurrentNetwork, training: Training, seed: int) -> None:
        super().__init__()
        self.network = network
        self._training = training
        self._seed = seed
        self._steps = training.dsteps if training.dsteps > 1 else network.n_timesteps
        self._generator = torch.Generator()
        if training.dsteps == 1:
            check_timing(training.pattern, self._steps, network.dt, training.lossrt)

    def on_train_epoch_start(self) -> None:
        """Begin the epoch's own random numbers: of patterns, and of layers that draw (dropout)."""
        seed = (self._seed + self.current_epoch) % (1 << 63)
        self._generator.manual_seed(seed)
        torch.manual_seed(seed)

    def shown(self, labels: Tensor, generator: torch.Generator | None) -> tuple[tuple[int, ...], Tensor]:
        """Which frame is shown at each step (T + R steps; R are blank, until the answer has arrived), and the targets.

        Args:
            labels: (B,) classes.
            generator: of the order of a shuffled pattern; None for the pattern as it is.

        Returns:
            The order, and targets (B, T + R) that are −1 where no answer is asked for.
        """
        one = self._training
        residual = self.network.n_residual
        if one.dsteps > 1:
            order: tuple[int, ...] = (0,) * one.dsteps
            return order + (-1,) * residual, targets(labels, order, self.network.dt, None, residual)
        order = training_order(one.pattern, self._steps, generator if one.shufflepattern else None)
        return order + (-1,) * residual, targets(labels, order, self.network.dt, one.lossrt, residual)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        return self._step(batch, "train", self._generator)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The measures of a batch."""
        self._step(batch, "val", None)

    def _step(self, batch: Batch, stage: str, generator: torch.Generator | None) -> Tensor:
        pixels, labels = batch
        order, wanted = self.shown(labels, generator)
        activity = ActivityLoss(self._training.activityloss_mode, self._training.activityloss_p)
        is_observed = self._training.activityloss > 0
        logits = self.network(
            pixels.unsqueeze(1), order, blank=self._training.voidinput, observe=activity if is_observed else None
        )
        loss = cross_entropy(logits, wanted)
        values = {f"{stage}_acc": accuracy(logits, wanted), f"{stage}_ce": loss}
        if is_observed:
            values[f"{stage}_activityloss"] = activity.value()
            loss = loss + self._training.activityloss * activity.value()
        values[f"{stage}_loss"] = loss
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def configure_optimizers(self) -> Any:
        """Adam, and its schedule by epochs."""
        optimiser, schedule = make_optimiser(self.network, self._training)
        return optimiser if schedule is None else {"optimizer": optimiser, "lr_scheduler": schedule}

"""Trainings of one shape side by side: flows that differ in seed and learning rate step together.

A step of one small flow is dozens of tiny products, and most of its time goes by before and after them. Stacked with
`torch.func` the flows share that. Nothing is summed across lanes, and on a CPU a lane comes out the same to the last
bit as when it is trained alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as lightning
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from .lightning_loaders import LightningFlow


class Lanes(lightning.LightningModule):
    """Trains several loaders at once; each batch is a list with one batch for each of them."""

    def __init__(self, lanes: Sequence[Any]) -> None:
        super().__init__()
        self.lanes: Any = nn.ModuleList(lanes)
        self._losses = [_Loss(lane.flow) for lane in lanes] if len(lanes) > 1 else []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One Adam; every lane has its own learning rate in it, and its own moments."""
        groups = [{"params": [p for p in lane.parameters() if p.requires_grad], "lr": lane.lr} for lane in self.lanes]
        return torch.optim.Adam(groups)

    def on_fit_start(self) -> None:
        """Let the lanes ask this training for its epoch."""
        for lane in self.lanes:
            lane.trainer = self.trainer

    def on_train_epoch_start(self) -> None:
        """Begin an epoch in every lane."""
        for lane in self.lanes:
            lane.begin("noise", self.current_epoch)

    def training_step(self, batches: list[Any], index: int) -> Tensor:
        """The sum of the lanes' losses: its gradient in a lane is that of the lane's loss."""
        if len(self.lanes) == 1:
            alone: Tensor = self.lanes[0].training_step(batches[0], index)
            return alone
        drawn = [lane.draw(batch) for lane, batch in zip(self.lanes, batches, strict=True)]
        z, context = (torch.stack(each) for each in zip(*drawn, strict=True))
        losses = vmap(self._lane_loss)(self._stacked(), z, context)
        for lane, loss in zip(self.lanes, losses, strict=True):
            lane.average.add(loss, z.shape[1], lane.spread)
        total: Tensor = losses.sum()
        return total

    def _lane_loss(self, state: Mapping[str, Tensor], z: Tensor, context: Tensor) -> Tensor:
        loss: Tensor = functional_call(self._losses[0], dict(state), (z, context))
        return loss

    def _stacked(self) -> dict[str, Tensor]:
        states = [{**dict(one.named_parameters()), **dict(one.named_buffers())} for one in self._losses]
        return {name: torch.stack([state[name] for state in states]) for name in states[0]}

    def train_loss(self, lane: int) -> float:
        """The mean loss of a lane in this epoch."""
        loss: float = self.lanes[lane].average.value()
        return loss

    def on_validation_epoch_start(self) -> None:
        """Begin the validation of every lane."""
        for lane in self.lanes:
            lane.training_average = lane.average
            lane.begin("val-noise", 0)

    def validation_step(self, batches: list[Any], index: int) -> None:
        """Count every lane's loss in."""
        for lane, batch in zip(self.lanes, batches, strict=True):
            lane.validation_step(batch, index)

    def on_validation_epoch_end(self) -> None:
        """Take down the mean loss of every lane, and go on with that of the training."""
        self.val_losses = [lane.average.value() for lane in self.lanes]
        for lane in self.lanes:
            lane.average = lane.training_average


class _Loss(nn.Module):
    """The loss of a flow as a module without state of its own, as `functional_call` wants it."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow: Any = flow

    def forward(self, z: Tensor, context: Tensor) -> Tensor:
        """-log p of shifted and scaled latents, averaged over the batch."""
        loss: Tensor = -self.flow.embed(z, context)[1].mean()
        return loss


def fits_together(loaders: Sequence[Any], trainer: Mapping[str, Any]) -> bool:
    """Whether loaders can be trained side by side: flows of one shape whose steps do not look across lanes."""
    first = loaders[0]
    if trainer.get("gradient_clip_val") is not None or any(type(one) is not LightningFlow for one in loaders):
        return False

    def shape(loader: Any) -> Any:
        state = loader.flow.state_dict()
        return type(loader.flow), loader.batch_size, {name: tensor.shape for name, tensor in state.items()}

    return all(shape(one) == shape(first) for one in loaders)

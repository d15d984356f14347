"""The optimiser of a training: Adam, with learning rates of their own for recurrence and feedback, along a cosine."""

from __future__ import annotations

import math

from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from ..params import Training


def scaled_rate(rate: float, images: int) -> float:
    """The learning rate for so many images a step: in proportion up to 128, then as the root of their number.

    Args:
        rate: for 64 images.
        images: of a step of the optimiser: batch size times accumulated batches.
    """
    return rate * (images / 64 if images <= 128 else math.sqrt(images / 64))


def make_optimiser(network: nn.Module, training: Training) -> tuple[Adam, LRScheduler | None]:
    """The optimiser of the trainable parameters, and its schedule by epochs.

    A parameter belongs to recurrence or feedback if its name has that word in it.
    """
    rate = scaled_rate(training.learning_rate, training.batch_size * training.accumulate_grad_batches)
    factors = {"recurrence": training.recurrence_lr_factor, "feedback": training.feedback_lr_factor, "": 1.0}
    members: dict[str, list[nn.Parameter]] = {word: [] for word in factors}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            members[next(word for word in factors if word in name)].append(parameter)
    groups = [
        {"params": those, "lr": rate * factors[word], "name": word or "feedforward"}
        for word, those in members.items()
        if those
    ]
    optimiser = Adam(groups, weight_decay=training.weight_decay)
    if training.scheduler_epochs is None:
        return optimiser, None
    return optimiser, CosineAnnealingLR(optimiser, T_max=training.scheduler_epochs)

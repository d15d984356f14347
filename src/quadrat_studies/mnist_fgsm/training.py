"""Train one classifier, from scratch or on from fewer epochs of the same training."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .fused import Metrics, Outcome, train_many
from .state import State, TrainSpec, load_state
from .streams import Seed
from .tensors import Tensors

__all__ = ["Metrics", "Outcome", "Seed", "State", "TrainSpec", "load_state", "train"]


def train(
    spec: TrainSpec,
    data: Tensors,
    seed: Seed,
    start: State | None = None,
    on_epoch: Callable[[int, Metrics], None] | None = None,
    *,
    device: str | torch.device = "cpu",
) -> Outcome:
    """Train as `spec` says, continuing from `start` if given; the result is the same to the last bit either way.

    `seed` gives an integer for each of the purposes 'split', 'init', 'order' and 'dropout'. `on_epoch` is called
    after each epoch with the number of epochs done and {val_acc, val_loss}.

    Raises:
        BadInput: `start` has other settings or seeds, or more epochs than `spec`.
    """
    tell = None if on_epoch is None else (lambda _, epoch, metrics: on_epoch(epoch, metrics))
    return next(train_many([spec], data, [seed], [start], tell, device=device))

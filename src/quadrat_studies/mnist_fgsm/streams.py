"""Random streams of one training: everything random comes from here, nothing from global state.

Each epoch has streams of its own, derived from (seed, purpose, epoch). So a continued training draws what an
uninterrupted one draws, with no generator state to be stored.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import torch
from torch import Tensor

Seed = Callable[[str], int]
"""Gives the seed, an integer, for a purpose: 'split', 'init', 'order' or 'dropout'."""

PURPOSES = ("split", "init", "order", "dropout")
VALIDATION_SHARE = 12  # one image in twelve: MNIST's 5,000 of 60,000


class Streams:
    """The streams of one training, from the caller's `seed` function.

    Two trainings have equal streams where all four seeds are equal; the dropout stream also depends on the kind of
    device that it is drawn on. torch's CPU generator takes in 32 bits, so seeds are hashed to use all their 63.
    """

    def __init__(self, seed: Seed) -> None:
        self._seeds = {purpose: seed(purpose) for purpose in PURPOSES}

    @property
    def fingerprint(self) -> str:
        """Equal for equal streams (16 hex digits)."""
        return blake2b(repr(sorted(self._seeds.items())).encode(), digest_size=8).hexdigest()

    def generator(self, purpose: str, epoch: int = 0, device: str | torch.device = "cpu") -> torch.Generator:
        """A fresh generator for `purpose` in `epoch` (0 for what is drawn once)."""
        mixed = blake2b(f"{purpose}/{self._seeds[purpose]}/{epoch}".encode(), digest_size=8).digest()
        return torch.Generator(device).manual_seed(int.from_bytes(mixed) >> 1)

    def split(self, count: int) -> tuple[Tensor, Tensor]:
        """Indices (int64) of the training and of the validation images among `count`; the latter are a twelfth."""
        shuffled = torch.randperm(count, generator=self.generator("split"))
        held_out = round(count / VALIDATION_SHARE)
        return shuffled[held_out:], shuffled[:held_out]

    def order(self, indices: Tensor, epoch: int) -> Tensor:
        """`indices` in the order of `epoch`."""
        return indices[torch.randperm(len(indices), generator=self.generator("order", epoch))]

"""Batches of tensors in memory, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..streams import generator


class Batches:
    """Batches of tensors (N, …) that belong together, shuffled in every epoch where a seed is given.

    Args:
        tensors: each of N rows.
        batch_size: rows in a batch; the last may have fewer.
        seed: of the order; None keeps the rows as they are.
    """

    def __init__(self, tensors: Sequence[Tensor], batch_size: int, seed: int | None = None) -> None:
        self._tensors, self._batch_size, self._seed = tuple(tensors), batch_size, seed
        self._epoch = 0
        self.sampler, self.batch_sampler = self, None  # where Lightning looks for what it tells the epoch

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes: the order is drawn for it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return math.ceil(len(self._tensors[0]) / self._batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        count = len(self._tensors[0])
        order = torch.arange(count)
        if self._seed is not None:
            order = torch.randperm(count, generator=generator(self._seed, "order", self._epoch))
        for chosen in order.split(self._batch_size):
            yield tuple(tensor[chosen] for tensor in self._tensors)


class SideBySide:
    """Batches of several trainings at once: a list with one batch of each. All have equally many."""

    def __init__(self, lanes: Sequence[Batches]) -> None:
        self._lanes = lanes
        self.sampler, self.batch_sampler = self, None

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes."""
        for lane in self._lanes:
            lane.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._lanes[0])

    def __iter__(self) -> Iterator[list[tuple[Tensor, ...]]]:
        return map(list, zip(*self._lanes, strict=True))

"""Batches of packed images: gathered as bytes, changed and normalised where the model is."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from quadrat import BadInput

from .augment import DRAWS, augmented, normalised
from .packed import Images
from .presets import Augmentation
from .splits import round_robin


class Batches:
    """Passes over packed images; each is a pass of pairs (pixels (B, C, H, W) float32 normalised, labels (B,) int64).

    Lightning takes it as a data loader. Every pass is another epoch: its order, and how each image is changed, come
    from `seed`, the number of the epoch and the image alone. So a training that goes on at epoch k sees what it would
    have seen, and another batch size changes no image. Batches are new tensors, which a caller may keep.

    Args:
        images: what `open_images` gives.
        batch_size: images in a batch; the last one may have fewer.
        shuffle: draw a new order for each epoch; else classes come by turns, always in the same order.
        seed: of order and changes.
        augment: what may be changed (`presets.preset`), None for nothing.
        device: where batches are made. Bytes are sent there, a quarter of the floats.
        drop_last: leave out a last batch that is not full.
        limit: at most so many images of each pass, the first ones of its order; None for all.

    Raises:
        BadInput: a batch size or limit below 1, or no batch at all.
    """

    def __init__(
        self,
        images: Images,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        augment: Augmentation | None = None,
        device: str | torch.device = "cpu",
        drop_last: bool = False,
        limit: int | None = None,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("limit", limit)):
            if value is not None and value < 1:
                raise BadInput(f"{name} is {value}", where=name, hint="1 or more")
        self.batch_size = batch_size
        self._pixels, self._labels = torch.from_numpy(images.images), torch.from_numpy(images.labels)
        self._mean, self._std = images.mean, images.std
        self._turns = None if shuffle else torch.from_numpy(round_robin(images.labels))
        self._seed, self._epoch = seed, 0
        self._augment = augment if augment and (augment.moves or augment.colours) else None
        self._device = torch.device(device)
        self._images = min(len(images), limit or len(images))
        self._length = self._images // batch_size if drop_last else -(-self._images // batch_size)
        if not self._length:
            raise BadInput(
                f"{self._images} images are less than one batch of {batch_size}, and the last one is dropped",
                where="batch_size",
            )

    def __len__(self) -> int:
        return self._length

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be the epoch of that number, counted from 0; without it passes count on."""
        self._epoch = epoch

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where Lightning looks for a `sampler` to call `set_epoch` of before each epoch, also after a restart."""
        return SimpleNamespace(sampler=self)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(_epoch_seed(self._seed, self._epoch))
        self._epoch += 1
        order = self._turns if self._turns is not None else torch.randperm(len(self._labels), generator=generator)
        draws = torch.rand(len(order), DRAWS, generator=generator) if self._augment else None
        for number in range(self._length):
            start = number * self.batch_size
            chosen = order[start : min(start + self.batch_size, self._images)]
            pixels, labels = self._sent(self._pixels.index_select(0, chosen)), self._sent(self._labels[chosen])
            if self._augment and draws is not None:
                changes = self._sent(draws[chosen])
                yield augmented(pixels, changes, self._augment, self._mean, self._std), labels
            else:
                yield normalised(pixels, self._mean, self._std), labels

    def _sent(self, tensor: Tensor) -> Tensor:
        if self._device.type != "cuda":
            return tensor.to(self._device)
        return tensor.pin_memory().to(self._device, non_blocking=True)


def _epoch_seed(seed: int, epoch: int) -> int:
    """63 bits that differ wherever one of the two does, also in neighbouring seeds and epochs."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)

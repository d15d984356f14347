"""What a loader shows of a batch of images: its different frames, and which of them is there at each step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..loaders import Loader, StimulusContrast, StimulusNoise
from .noise import in_noise


@dataclass(frozen=True, eq=False)
class Presentation:
    """A batch of images in time. Frames that are the same are there once, so a still image costs one frame.

    Attributes:
        frames: (B, F, C, H, W).
        order: which of the F frames is shown at each of T steps; −1 is the blank frame.
        labels: (B, T) int64, −1 where the stimulus is absent.
        blank: the value of the blank frame.
    """

    frames: Tensor
    order: tuple[int, ...]
    labels: Tensor
    blank: float = 0.0

    def video(self) -> Tensor:
        """Every step's frame, (B, T, C, H, W): for figures and tests, as nothing else needs it."""
        images, _, *shape = self.frames.shape
        video = self.frames.new_full((images, len(self.order), *shape), self.blank)
        for step, frame in enumerate(self.order):
            if frame >= 0:
                video[:, step] = self.frames[:, frame]
        return video


def present(loader: Loader, images: Tensor, labels: Tensor, *, seed: int = 0, first: int = 0) -> Presentation:
    """Show a batch as a loader says, on the device that it is on.

    Args:
        loader: what is shown when.
        images: (B, C, H, W) float, normalised. Where the loader does not change them, `frames` is a view of them.
        labels: (B,) integers.
        seed: of noise, 0 or more. That of an image depends on it and on the image's place alone, so it is the same
            however images are divided into batches.
        first: place of the batch's first image in the whole of the data.
    """
    order = loader.order()
    is_shown = torch.tensor(order, device=labels.device) >= 0
    by_step = torch.where(is_shown, labels.long().unsqueeze(1), -1)
    return Presentation(_frames(loader, images, seed, first), order, by_step, loader.voidinput)


def _frames(loader: Loader, images: Tensor, seed: int, first: int) -> Tensor:
    if isinstance(loader, StimulusContrast) and loader.contrast != 1:
        images = loader.contrast * images
    if isinstance(loader, StimulusNoise) and loader.ssnr < 1:
        return in_noise(loader, images, seed, first)
    return images.unsqueeze(1)

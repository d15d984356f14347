"""The latents of a catalog: one pass of the VAE over all images, shared by every flow and every embedding."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

_ROUND = 512


@dataclass(frozen=True)
class Latents:
    """q(z | x) of every sample of a catalog, in its order.

    Attributes:
        mean, std: (N, size).
    """

    mean: Tensor
    std: Tensor

    def save(self, path: Path) -> None:
        """Keep them."""
        save_file({"mean": self.mean, "std": self.std}, path)

    def save_whole(self, path: Path) -> None:
        """Keep them where other jobs may be doing the same."""
        waiting = path.with_name(f".{path.name}.{os.getpid()}")
        self.save(waiting)
        waiting.replace(path)


def open_latents(path: Path) -> Latents:
    """What `Latents.save` kept."""
    return Latents(**load_file(path))


@torch.no_grad()
def encode(vae: Any, images: Tensor) -> Latents:
    """The latents of images (N, C, H, W) in [0, 1]."""
    device = next(vae.parameters()).device
    pairs = [vae.encode(some.to(device)) for some in images.split(_ROUND)]
    mean, std = (torch.cat(each).cpu() for each in zip(*pairs, strict=True))
    return Latents(mean, std)

"""Random changes of images, a batch at a time, on the device that they are on.

Which change an image gets is in `DRAWS` numbers of its own, uniform on [0, 1); nothing is drawn here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .presets import Augmentation

DRAWS = 7
"""Numbers for each image: flip, vertical and horizontal shift, rotation, brightness, contrast, saturation."""

_LUMA = (0.299, 0.587, 0.114)  # grey of R, G, B (ITU-R BT.601)


def normalised(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(pixels / 255 - mean) / std for each channel, float32, of (B, C, H, W) bytes or numbers 0 to 255."""
    scale, shift = _scale_and_shift(pixels, mean, std)
    return torch.empty(pixels.shape, device=pixels.device).copy_(pixels).mul_(scale).add_(shift)


def augmented(
    pixels: Tensor, draws: Tensor, augmentation: Augmentation, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Randomly changed and then normalised images.

    Args:
        pixels: (B, C, H, W) uint8, with H = W.
        draws: (B, `DRAWS`) float on [0, 1), the same device.
        augmentation: how much may change; where that is nothing, this is `normalised`, to the bit.
        mean: of each channel, on [0, 1].
        std: of each channel, on [0, 1].

    Returns:
        (B, C, H, W) float32.
    """
    if augmentation.rotate:
        pixels = _turned(pixels, draws, augmentation)
    elif augmentation.moves:
        pixels = _shifted(pixels, draws, augmentation)
    if augmentation.colours:
        return _coloured(pixels, draws, augmentation, mean, std)
    return normalised(pixels, mean, std)


def _shifted(pixels: Tensor, draws: Tensor, augmentation: Augmentation) -> Tensor:
    """Mirrored, and moved by whole pixels: the bytes stay as they are. As a random crop of the padded image."""
    count, channels, side, _ = pixels.shape
    most = int(augmentation.shift * side + 0.5)
    wide = side + 2 * most
    starts = (draws[:, 1:3] * (2 * most + 1)).long()
    steps = torch.arange(side, device=pixels.device)
    columns = torch.where(draws[:, :1] < augmentation.flip, steps.flip(0), steps) + starts[:, 1:]
    rows = steps + starts[:, :1]
    places = (rows[:, :, None] * wide + columns[:, None, :]).view(count, 1, side * side)
    padded = functional.pad(pixels, (most, most, most, most)).view(count, channels, wide * wide)
    return padded.gather(2, places.expand(count, channels, side * side)).view(pixels.shape)


def _turned(pixels: Tensor, draws: Tensor, augmentation: Augmentation) -> Tensor:
    """Mirrored, turned about the centre and moved, bilinear between pixels; float32, 0 to 255."""
    around = (2 * draws[:, 3] - 1) * math.radians(augmentation.rotate)
    mirror = torch.where(draws[:, 0] < augmentation.flip, -1.0, 1.0)
    # Coordinates go from -1 to 1, so a shift by a fraction of the side is twice that.
    moved = (2 * draws[:, 1:3] - 1) * (2 * augmentation.shift)
    cos, sin = torch.cos(around), torch.sin(around)
    rows = [torch.stack((mirror * cos, -mirror * sin, moved[:, 1]), 1), torch.stack((sin, cos, moved[:, 0]), 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels.float(), grid, align_corners=False)


def _coloured(
    pixels: Tensor, draws: Tensor, augmentation: Augmentation, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Brightness b, then contrast c, then saturation s, and normalisation.

    With grey(x) = w·x of a pixel x and m the mean grey of the image, contrast is c·x + (1 - c)·m and saturation
    s·x + (1 - s)·grey(x). Together they are one linear map of colours for each image,
    b·c·(s·1 + (1 - s)·1wᵀ)·x + b·(1 - c)·m, which takes the normalisation in. Black and white are kept to, once.
    """
    channels = pixels.shape[1]
    ranges = (augmentation.brightness, augmentation.contrast, augmentation.saturation)
    factors = 1 + (2 * draws[:, 4:7] - 1) * torch.tensor(ranges, device=pixels.device)
    b, c, s = (factor.view(-1, 1, 1) for factor in factors.unbind(1))
    weights = torch.tensor(_LUMA if channels == 3 else [1 / channels] * channels, device=pixels.device)
    flat = pixels.float().flatten(2)
    grey = flat.mean(2, keepdim=True).mul(weights[:, None]).sum(1, keepdim=True)
    scale, shift = _scale_and_shift(pixels, mean, std)
    colours = b * c * (s * torch.eye(channels, device=pixels.device) + (1 - s) * weights)
    mapped = torch.baddbmm(b * (1 - c) * grey * scale[:, 0] + shift[:, 0], colours * scale[:, 0], flat)
    return mapped.view(pixels.shape).clamp_(shift, 255 * scale + shift)


def _scale_and_shift(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Normalised units for each byte, and the value of black: (C, 1, 1) each."""
    spread = torch.tensor(std, device=pixels.device).view(-1, 1, 1)
    return 1 / (255 * spread), -torch.tensor(mean, device=pixels.device).view(-1, 1, 1) / spread

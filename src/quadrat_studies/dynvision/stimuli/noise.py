"""Images in noise of a given power, each from random numbers of its own.

With v the variance of an image over its channels and pixels and ssnr = signal/(signal + noise), the noise has the power
(mean square) v·(1 − ssnr)/ssnr. ssnr = 0 is noise alone: no image, around mean grey, with the power v, made as if the
image were of one grey, its mean.

Every type but poisson is a function of standard normal numbers z, one for each channel, pixel and frame:

| type | noise |
|---|---|
| gaussian | z |
| gaussiancorr | z blurred by 7×7 weights of a Gaussian (σ = 7/6 pixels), periodic at the edges |
| phasescrambled | amplitudes f^−½ over spatial frequencies f, none at f = 0, with the phases of z |
| uniform | z by its distribution function, which makes it uniform |
| saltpepper | the image's largest or smallest value, by the sign of z, in place of the image where z is far from 0 |
| poisson | counts at rates proportional to the image's distance from its smallest value, less that distance |

Where to flip all to salt and pepper has less than the power asked for, they lie further apart than the image's ends.

In time z is new in each frame (dynamic), or the stationary process z(t) = ρ z(t − 1) + √(1 − ρ²) ε(t) with ρ =
`CORRELATION` (correlated), so that each frame by itself is as if it were dynamic, whatever the type. Correlated counts
are the integer-valued process of McKenzie (1985, Water Resources Bulletin 21) and Al-Osh and Alzaid (1987, J. Time
Series Analysis 8): each of the last step's counts stays with probability ρ, and others come at 1 − ρ of the rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fft

from ..loaders import NoiseType, StimulusNoise

CORRELATION = 0.8
"""ρ from one step to the next with tempmode=correlated."""

_BLUR, _SIDE = 7 / 6, 7
_TINY = 1e-12  # in place of a division by 0, for an image without any variance


@dataclass(frozen=True)
class _Draws:
    """Random numbers of one image in its frames.

    Attributes:
        generator: where they come from.
        frames: how many there are.
        correlation: ρ from frame to frame.
    """

    generator: torch.Generator
    frames: int
    correlation: float

    def normal(self, image: Tensor) -> Tensor:
        """Standard normal numbers (F, C, H, W) for an image (C, H, W)."""
        shape, rho = (self.frames, *image.shape), self.correlation
        drawn = torch.randn(shape, generator=self.generator, dtype=image.dtype, device=image.device)
        for number in range(1, self.frames if rho else 1):
            drawn[number].mul_(math.sqrt(1 - rho**2)).add_(drawn[number - 1], alpha=rho)
        return drawn

    def counts(self, rates: Tensor) -> Tensor:
        """Poisson counts (F, C, H, W) at rates (C, H, W)."""
        if not self.correlation:
            return torch.poisson(rates.expand(self.frames, *rates.shape), generator=self.generator)
        counts = [torch.poisson(rates, generator=self.generator)]
        stay, fresh = torch.full_like(rates, self.correlation), (1 - self.correlation) * rates
        for _ in range(1, self.frames):
            stayed = torch.binomial(counts[-1], stay, generator=self.generator)
            counts.append(stayed + torch.poisson(fresh, generator=self.generator))
        return torch.stack(counts)


def in_noise(loader: StimulusNoise, images: Tensor, seed: int, first: int) -> Tensor:
    """Images (B, C, H, W) in noise, (B, F, C, H, W) with F the loader's `n_frames`; its ssnr is below 1.

    The noise of an image comes from that image, `seed` and the image's place, which counts from `first`. A GPU draws
    other numbers than a CPU.
    """
    frames = images.new_empty((len(images), loader.n_frames, *images.shape[1:]))
    correlation = CORRELATION if loader.tempmode == "correlated" else 0.0
    for place, (image, out) in enumerate(zip(images, frames, strict=True), first):
        generator = torch.Generator(images.device).manual_seed(_seed(seed, place))
        draws = _Draws(generator, loader.n_frames, correlation)
        kept = image if loader.ssnr else torch.zeros_like(image)
        signal = image if loader.ssnr else image.mean().expand_as(image)
        power = image.var(correction=0) * ((1 - loader.ssnr) / loader.ssnr if loader.ssnr else 1.0)
        torch.add(kept, KINDS[loader.noisetype](draws, signal, image, power), out=out)
    return frames


def _seed(seed: int, place: int) -> int:
    """63 bits that differ wherever one of the two does, also in neighbouring seeds and places."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)[0] >> 1)


def _gaussian(draws: _Draws, signal: Tensor, image: Tensor, power: Tensor) -> Tensor:
    return draws.normal(image) * power.sqrt()


def _gaussiancorr(draws: _Draws, signal: Tensor, image: Tensor, power: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    weights = torch.outer(_around_zero(height), _around_zero(width)).to(image)
    # Neighbours are independent before, so the blurred variance is the sum of the squared weights.
    blurred: Tensor = fft.irfft2(fft.rfft2(draws.normal(image)) * fft.rfft2(weights).real, s=(height, width))
    return blurred * (power / weights.square().sum()).sqrt()


def _around_zero(size: int) -> Tensor:
    """Weights of a Gaussian on a ring of pixels, as far as the kernel goes."""
    steps = torch.arange(size)
    distance = torch.minimum(steps, size - steps)
    return torch.where(distance <= _SIDE // 2, torch.exp(-((distance / _BLUR) ** 2) / 2), 0.0)


def _phasescrambled(draws: _Draws, signal: Tensor, image: Tensor, power: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    f = torch.hypot(fft.fftfreq(height)[:, None], fft.fftfreq(width)[None])
    amplitude = f.clamp(min=_TINY) ** -0.5
    amplitude[0, 0] = 0
    amplitude = (amplitude / amplitude.square().mean().sqrt()).to(image)
    phases = torch.sgn(fft.rfft2(draws.normal(image)))
    scrambled: Tensor = fft.irfft2(phases * amplitude[:, : width // 2 + 1], s=(height, width), norm="ortho")
    return scrambled * power.sqrt()


def _uniform(draws: _Draws, signal: Tensor, image: Tensor, power: Tensor) -> Tensor:
    # erf(z/√2) is uniform on (−1, 1), where the variance is 1/3.
    return torch.erf(draws.normal(image) / math.sqrt(2)) * (3 * power).sqrt()


def _saltpepper(draws: _Draws, signal: Tensor, image: Tensor, power: Tensor) -> Tensor:
    low, high = torch.aminmax(image)
    middle, reach = (low + high) / 2, (high - low) / 2
    # The power where all is flipped is reach² + offset. What that is not enough for is had by a longer reach.
    offset = (signal - middle).square().mean()
    reach = torch.maximum(reach, (power - offset).clamp(min=0).sqrt())
    share = power / (reach.square() + offset).clamp(min=_TINY)
    uniform = torch.erf(draws.normal(image) / math.sqrt(2))
    flipped = middle + reach * uniform.sign() - signal
    return torch.where(uniform.abs() >= 1 - share, flipped, 0.0)


def _poisson(draws: _Draws, signal: Tensor, image: Tensor, power: Tensor) -> Tensor:
    # Counts at the rates x/s, times s, have the mean x and the variance s·x: s is power / mean x.
    intensity = signal - image.amin()
    scale = power / intensity.mean().clamp(min=_TINY)
    return draws.counts(intensity / scale.clamp(min=_TINY)) * scale - intensity


KINDS: dict[NoiseType, Callable[[_Draws, Tensor, Tensor, Tensor], Tensor]] = {
    "uniform": _uniform,
    "gaussian": _gaussian,
    "gaussiancorr": _gaussiancorr,
    "saltpepper": _saltpepper,
    "poisson": _poisson,
    "phasescrambled": _phasescrambled,
}
"""For each type the noise (F, C, H, W) from random numbers, the signal (C, H, W) that it is laid on, the image, whose
range it may keep to, and its power."""

"""A VAE of colour images, and a conditional normalising flow on its latents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
import zuko
from torch import Tensor, nn

Image: TypeAlias = tuple[int, int, int]


class VAE(nn.Module):
    """A variational autoencoder (Kingma & Welling 2014, arXiv 1312.6114) with one learnt noise level.

    The decoder's likelihood is Gaussian with one variance for all pixels, learnt with the weights (Rybkin et al. 2021,
    arXiv 2006.13202), so that the balance of the two terms of the bound needs no tuning.

    Args:
        hidden_dim: channels of the inner convolutions.
        size: latent dimensions.
        image: channels, height, width; height and width are multiples of 4.
    """

    def __init__(self, hidden_dim: int = 64, size: int = 64, image: Image = (3, 28, 28)) -> None:
        super().__init__()
        channels, height, width = image
        low = (hidden_dim, height // 4, width // 4)
        self.size = size
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, hidden_dim // 2, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(hidden_dim // 2, hidden_dim, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(math.prod(low), 2 * size),
        )
        self.decoder = nn.Sequential(
            nn.Linear(size, math.prod(low)),
            nn.SiLU(),
            nn.Unflatten(1, low),
            nn.ConvTranspose2d(hidden_dim, hidden_dim // 2, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(hidden_dim // 2, channels, 4, stride=2, padding=1),
        )
        self.log_sigma = nn.Parameter(torch.tensor(-1.0))

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (N, size) of q(z | x) for images (N, C, H, W) in [0, 1]."""
        mean, raw = self.encoder(images).chunk(2, dim=1)
        return mean, nn.functional.softplus(raw) + 1e-4

    def decode(self, z: Tensor) -> Tensor:
        """Images (N, C, H, W) of latents (N, size), not cut to [0, 1]."""
        decoded: Tensor = self.decoder(z)
        return decoded

    def terms(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """-log p(x | z) and KL(q(z | x) || p(z)) of each image (nats, (N,)), at z = mean + std * noise."""
        mean, std = self.encode(images)
        off = (images - self.decode(mean + std * noise)).flatten(1)
        count, level = off.shape[1], self.log_sigma
        rest = 0.5 * off.square().sum(1) * torch.exp(-2 * level) + count * (level + 0.5 * math.log(2 * math.pi))
        divergence = 0.5 * (mean.square() + std.square() - 1) - std.log()
        return rest, divergence.sum(1)


class Flow(nn.Module):
    """A conditional masked autoregressive flow (Papamakarios et al. 2017, arXiv 1705.07057), built of zuko's.

    Args:
        features: latent dimensions.
        context: numbers that it is conditioned on.
        hidden_features: widths of the masked networks.
        transforms: autoregressive transformations, each in the reverse order of the one before.
    """

    def __init__(self, features: int, context: int, hidden_features: Sequence[int], transforms: int) -> None:
        super().__init__()
        self.features, self.context = features, context
        self.flow = zuko.flows.MAF(features, context, transforms=transforms, hidden_features=list(hidden_features))

    def embed(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Base coordinates u (N, features) of latents z, and log p(z | context) (nats, (N,))."""
        transform = self.flow.transform(context)
        u, volume = transform.call_and_ladj(z)
        return u, volume - 0.5 * (u.square().sum(-1) + self.features * math.log(2 * math.pi))

    def sample(self, u: Tensor, context: Tensor) -> Tensor:
        """Latents z (N, features) of base coordinates u, the inverse of `embed`."""
        z: Tensor = self.flow.transform(context).inv(u)
        return z

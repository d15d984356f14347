"""What Lightning trains: a VAE on images, and a conditional flow on the latents of a trained VAE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from torch import Tensor, nn

from ..streams import generator
from .averages import Average

ImageBatch = tuple[Tensor]
LatentBatch = tuple[Tensor, Tensor, Tensor]


class _Loader(lightning.LightningModule):
    """What both share: the optimiser, seeds that depend on the epoch alone, and losses averaged over samples."""

    def __init__(self, lr: float, size: int, batch_size: int, beta_init: float, beta_floor: float) -> None:
        super().__init__()
        self.lr, self.size, self.batch_size = lr, size, batch_size
        self.beta_init, self.beta_floor = beta_init, beta_floor
        self.seed = 0
        self.average = self.training_average = Average()
        self._draws = generator(0)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam (Kingma & Ba 2015) at `lr`, for what is trained."""
        return torch.optim.Adam((p for p in self.parameters() if p.requires_grad), self.lr)

    def begin(self, purpose: str, epoch: int) -> None:
        """Draw the noise of an epoch from its own seed: a training that goes on draws what it would have drawn."""
        self._draws = generator(self.seed, purpose, epoch)
        self.average = Average()

    def noise(self, like: Tensor) -> Tensor:
        """Standard normal draws of a shape, on the same device."""
        return torch.randn(like.shape, generator=self._draws).to(like)

    def on_train_epoch_start(self) -> None:
        """Begin an epoch."""
        self.begin("noise", self.current_epoch)

    def on_train_epoch_end(self) -> None:
        """Log the mean loss of the epoch."""
        self.log("train_loss", self.average.value())

    def on_validation_epoch_start(self) -> None:
        """Begin the validation, always with the same noise."""
        self.training_average = self.average
        self.begin("val-noise", 0)

    def on_validation_epoch_end(self) -> None:
        """Log the mean loss."""
        self.log("val_loss", self.average.value(), prog_bar=True)
        self.average = self.training_average


class LightningVAE(_Loader):
    """Trains a VAE on images: the negative evidence lower bound, its divergence weighted by β.

    β goes from `beta_init` to `beta_floor` in a line over the first half of the epochs, and stays there. The loss of
    the validation has β = 1: it is the bound itself (nats for an image).

    Args:
        vae: the network.
        lr: learning rate of Adam.
        size: latent dimensions.
        batch_size: images in a step.
        beta_init, beta_floor: β at the beginning and from the middle on.
    """

    def __init__(
        self,
        vae: nn.Module,
        lr: float = 1e-3,
        size: int = 64,
        batch_size: int = 128,
        beta_init: float = 1.0,
        beta_floor: float = 1.0,
    ) -> None:
        super().__init__(lr, size, batch_size, beta_init, beta_floor)
        self.vae: Any = vae

    def beta(self) -> float:
        """The weight of the divergence in this epoch."""
        half = max(1, (self.trainer.max_epochs or 1) // 2)
        return self.beta_floor + (self.beta_init - self.beta_floor) * max(0.0, 1 - self.current_epoch / half)

    def training_step(self, batch: ImageBatch, index: int) -> Tensor:
        """The loss of images (B, C, H, W) in [0, 1]."""
        loss = self._loss(batch[0], self.beta()).mean()
        self.average.add(loss, len(batch[0]))
        return loss

    def validation_step(self, batch: ImageBatch, index: int) -> None:
        """Count the bound in."""
        self.average.add(self._loss(batch[0], 1.0).mean(), len(batch[0]))

    def _loss(self, images: Tensor, beta: float) -> Tensor:
        rest, divergence = self.vae.terms(images, self.noise(images.new_empty(len(images), self.size)))
        loss: Tensor = rest + beta * divergence
        return loss


class LightningFlow(_Loader):
    """Trains a conditional flow on the latents of a VAE: -log p(z | context), in nats for a sample.

    A batch has the mean and the standard deviation of q(z | x) and the context; z is drawn anew in every step, so that
    the flow sees a density and not points. The flow itself works on latents that are shifted and scaled to mean 0 and
    variance 1 over the training samples; log p counts that in.

    Args:
        vae: the network whose latents they are; it is not trained.
        flow: the flow; `embed(z, context)` gives u and log p, `sample(u, context)` gives z.
        lr: learning rate of Adam.
        size: latent dimensions.
        batch_size: samples in a step.
        beta_init, beta_floor: of the VAE's training; not used here.
        vae_ckpt_path: the checkpoint of the VAE; None where its weights are put in by hand.
    """

    shift: Tensor
    spread: Tensor

    def __init__(
        self,
        vae: nn.Module,
        flow: nn.Module,
        lr: float = 5e-4,
        size: int = 64,
        batch_size: int = 256,
        beta_init: float = 1.0,
        beta_floor: float = 1.0,
        vae_ckpt_path: str | Path | None = None,
    ) -> None:
        super().__init__(lr, size, batch_size, beta_init, beta_floor)
        self.vae: Any = vae.requires_grad_(False)
        self.flow: Any = flow
        self.vae_ckpt_path = vae_ckpt_path
        self.register_buffer("shift", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    def standardise(self, mean: Tensor, std: Tensor) -> None:
        """Take shift and scale from q(z | x) = N(mean, std²) of the training samples, both (N, size)."""
        self.shift.copy_(mean.mean(0))
        self.spread.copy_((mean.var(0, unbiased=False) + std.square().mean(0)).sqrt())

    def embed(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Base coordinates u (N, size) of latents z, and log p(z | context) (nats, (N,))."""
        u, log_prob = self.flow.embed((z - self.shift) / self.spread, context)
        return u, log_prob - self.spread.log().sum()

    def sample(self, u: Tensor, context: Tensor) -> Tensor:
        """Latents z of base coordinates u, both (N, size)."""
        z: Tensor = self.flow.sample(u, context) * self.spread + self.shift
        return z

    def draw(self, batch: LatentBatch) -> tuple[Tensor, Tensor]:
        """Shifted and scaled draws z (B, size) of a batch, and its context."""
        mean, std, context = batch
        return (mean + std * self.noise(std) - self.shift) / self.spread, context

    def training_step(self, batch: LatentBatch, index: int) -> Tensor:
        """The loss of a batch."""
        loss: Tensor = -self.flow.embed(*self.draw(batch))[1].mean()
        self.average.add(loss, len(batch[0]), self.spread)
        return loss

    def validation_step(self, batch: LatentBatch, index: int) -> None:
        """Count the loss in."""
        self.average.add(-self.flow.embed(*self.draw(batch))[1].mean(), len(batch[0]), self.spread)

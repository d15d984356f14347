"""The DyRCNN models."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from ..architectures import DyRCNN
from .base import RecurrentNetwork
from .dynamics import Solver, Supralinearity
from .layers import Connection, ConvLayer
from .recurrence import make_recurrence
from .starting import start_conv, start_linear, start_recurrence

RETINA = (36, 18)
"""Channels of the two convolutions of the retina."""


class DyRCNNNetwork(RecurrentNetwork):
    """A DyRCNN: r(t) = g(r(t−1) + (dt/τ)(I(t) − r(t−1))) in every area, with g = ReLU, then supralinearity.

    I is the convolution of what the area before gives, plus recurrence, skip connections and (last) feedback.

    Args:
        model: its arguments.
        n_classes: number of classes.
        image: (C, H, W).
    """

    def __init__(self, model: DyRCNN, n_classes: int, image: tuple[int, int, int]) -> None:
        super().__init__(model, image, [area.name for area in model.areas])
        channels, size = image[0], image[1:]
        if getattr(model, "retina", False):
            self.retina = nn.Sequential(
                nn.Conv2d(channels, RETINA[0], 9, padding=4), nn.ReLU(), nn.Conv2d(RETINA[0], RETINA[1], 9, padding=4)
            )
            channels = RETINA[1]
        for area in model.areas:
            kernel = area.kernels[0]
            layer = ConvLayer(
                (channels, *(area.channels,) * len(area.kernels)),
                area.kernels,
                area.strides,
                size,
                make=partial(make_recurrence, model.rctype, kernel=kernel),
                target=model.rctarget if model.rctype != "none" else "output",
                delay=max(1, model.steps(model.trc)),
            )
            setattr(self, area.name, layer)
            tau = nn.Parameter(torch.tensor(float(model.tau)), requires_grad=model.traintau)
            setattr(self, f"tau_{area.name}", tau)
            setattr(self, f"tstep_{area.name}", Solver(model.dt, model.solver))
            channels, size = layer.shape[0], layer.shape[1:]
            if area.pool:
                setattr(self, f"pool_{area.name}", nn.MaxPool2d(3, 2, 1))
                size = (size[0] - 1) // 2 + 1, (size[1] - 1) // 2 + 1
        self.nonlin = nn.ReLU()
        if model.supralin != 1:
            self.supralin = Supralinearity(model.supralin)
        self._connect_areas(model)
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, n_classes))
        self._start()

    def _connect_areas(self, model: DyRCNN) -> None:
        for kind, given, pairs, delay in (
            ("skip", model.skip, model.skips, round(model.tsk / model.dt)),
            ("feedback", model.feedback, model.feedbacks, max(1, round(model.tfb / model.dt))),
        ):
            if not given:
                continue
            for target, source in pairs.items():
                theirs, ours = self.layer(source).shape, self.layer(target).shape
                conv = nn.Conv2d(theirs[0], ours[0], 1) if theirs[0] != ours[0] else None
                setattr(self, f"add{kind}_{target}", Connection(source, conv, delay, given, ours[1:]))

    def _start(self) -> None:
        """The first weights of everything."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                start_linear(module)
            elif isinstance(module, nn.Conv2d) and "recurrence" not in name:
                start_conv(module, small=name.startswith(("addskip", "addfeedback")))
        for name in self.layer_names:
            if (recurrence := self.layer(name).recurrence) is not None:
                start_recurrence(recurrence)

    def see(self, frames: Tensor, order: tuple[int, ...]) -> tuple[Tensor, tuple[int, ...]]:
        """The retina's view of each frame; with adaption, x(t) − w·(mean of x before t)."""
        if hasattr(self, "retina"):
            frames = self.retina(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        weight = self.model.inadapt  # type: ignore[attr-defined]
        if not weight or not order:
            return frames, order
        video = frames[list(order)]
        steps = torch.arange(len(video), device=video.device, dtype=video.dtype)
        before = (video.cumsum(0) - video) / steps.clamp(min=1)[:, None, None, None, None]
        return video - weight * before, tuple(range(len(video)))

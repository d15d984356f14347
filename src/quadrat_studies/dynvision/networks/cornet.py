"""CORnet-RT (Kubilius et al. 2018, bioRxiv 408385)."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from ..architectures import CorNetRT
from .base import RecurrentNetwork
from .layers import ConvLayer
from .operations import State
from .recurrence import SelfRecurrence, make_recurrence
from .starting import start_conv, start_linear, start_recurrence

GROUPS = 32


class CorNetNetwork(RecurrentNetwork):
    """Four areas of two convolutions, each fed a step later than the one before.

    The activity of an area, a step ago, joins between the two. It is 0 at the beginning, so that an area at which
    nothing has arrived responds from the first step on, to the bias of its normalisation.

    Args:
        model: its arguments.
        n_classes: number of classes.
        image: (C, H, W).
    """

    def __init__(self, model: CorNetRT, n_classes: int, image: tuple[int, int, int]) -> None:
        super().__init__(model, image, [area.name for area in model.areas])
        channels, size = image[0], image[1:]
        for area in model.areas:
            kernel = area.kernels[0]
            layer = ConvLayer(
                (channels, area.channels, area.channels),
                area.kernels,
                area.strides,
                size,
                make=partial(make_recurrence, model.rctype, kernel=kernel, bias=False),
                target=model.rctarget,
                delay=max(1, model.steps(model.trc)),
                biases=(True, False),
                between=nn.GroupNorm(GROUPS, area.channels),
            )
            setattr(self, area.name, layer)
            setattr(self, f"norm_{area.name}", nn.GroupNorm(GROUPS, area.channels))
            channels, size = layer.shape[0], layer.shape[1:]
        self.delays[self.layer_names[-1]] = 0
        self.nonlin = nn.ReLU()
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, n_classes))
        self._start()

    def _start(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                start_linear(module)
            elif isinstance(module, nn.Conv2d) and "recurrence" not in name:
                start_conv(module)
        for name in self.layer_names:
            recurrence = self.layer(name).recurrence
            if isinstance(recurrence, SelfRecurrence):
                nn.init.ones_(recurrence.weight)
            elif recurrence is not None:
                start_recurrence(recurrence)

    def begin(self, state: State, step: int) -> None:
        """Activities of 0 before the first step."""
        weight = next(self.parameters())
        for name in self.layer_names:
            layer = self.layer(name)
            if layer.recurrence is not None and not state.ffonly:
                past = torch.zeros(1, 1, *layer.shape, dtype=weight.dtype, device=weight.device)
                state.activity[name].append(step - layer.delay, past.expand(layer.delay, state.images, *layer.shape))

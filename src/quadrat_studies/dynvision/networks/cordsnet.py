"""CordsNet (Soo et al. 2024): a residual network of continuous dynamics."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from ..architectures import CordsNet
from .base import RecurrentNetwork
from .dynamics import Solver
from .layers import Connection, ConvLayer
from .operations import FromNothing, State
from .recurrence import make_recurrence
from .starting import start_conv, start_recurrence


class UnitBias(FromNothing):
    """A bias for each unit, which drives a layer before anything has arrived.

    Args:
        shape: (C, H, W) of the layer.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor | None, images: int) -> Tensor:
        """(L, B, C, H, W), or nothing, to the same."""
        return self.bias.expand(1, images, *self.bias.shape) if x is None else x + self.bias


class CordsNetwork(RecurrentNetwork):
    """A linear layer, then eight of r(t) = ReLU(r + (dt/τ)(ReLU(W p + R r + b) − r)), with skips to their inputs.

    Weights into a layer and inside it are normed (Salimans and Kingma 2016, arXiv 1602.07868).

    Args:
        model: its arguments.
        n_classes: number of classes.
        image: (C, H, W).
    """

    def __init__(self, model: CordsNet, n_classes: int, image: tuple[int, int, int]) -> None:
        names = [f"layer{number}" for number in range(len(model.channels))]
        super().__init__(model, image, names)
        channels, size = image[0], image[1:]
        sizes = []
        for number, (name, wide, stride) in enumerate(zip(names, model.channels, model.strides, strict=True)):
            sizes.append(size)
            kernel = 3 if number else 7
            rctype = model.rctype if number else "none"
            layer = ConvLayer(
                (channels, wide),
                (kernel,),
                (stride,),
                size,
                make=partial(make_recurrence, rctype, kernel=3, bias=False),
                target=model.rctarget if number else "output",
                delay=max(1, model.steps(model.trc)),
                biases=(False,),
            )
            start_conv(layer.get_submodule("conv"))
            if layer.recurrence is not None:
                start_recurrence(layer.recurrence)
            for conv in [one for one in layer.modules() if isinstance(one, nn.Conv2d)]:
                weight_norm(conv)
            setattr(self, name, layer)
            channels, size = layer.shape[0], layer.shape[1:]
            if number:
                self._add_dynamics(name, layer.shape)
            else:
                self.pool_layer0 = nn.AvgPool2d(3, 2, 1)
                size = ((size[0] - 1) // 2 + 1, (size[1] - 1) // 2 + 1)
        self._add_skips(model, sizes)
        self.average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = weight_norm(nn.Linear(channels, n_classes))

    def _add_dynamics(self, name: str, shape: tuple[int, int, int]) -> None:
        model = self.model
        tau = nn.Parameter(torch.tensor(float(model.tau)), requires_grad=model.traintau)  # type: ignore[attr-defined]
        setattr(self, f"tau_{name}", tau)
        setattr(self, f"addbias_{name}", UnitBias(shape))
        setattr(self, f"nonlin_{name}", nn.ReLU())
        setattr(self, f"tstep_{name}", Solver(model.dt, model.solver))  # type: ignore[attr-defined]
        setattr(self, f"nonlin2_{name}", nn.ReLU())

    def _add_skips(self, model: CordsNet, sizes: list[tuple[int, int]]) -> None:
        late = round(model.tsk / model.dt)
        for target in range(2, len(model.channels)):
            source = target - 2
            ours, theirs = model.channels[target - 1], model.channels[source]
            conv = None
            if target == 2:
                conv = nn.Conv2d(theirs, ours, 3, padding=1, bias=False)
            elif target % 2 == 0:
                conv = nn.Conv2d(theirs, ours, 1, stride=2, bias=False)
            if conv is not None:
                start_conv(conv)
            delay = 0 if target == 2 else late
            skip = Connection(f"layer{source}", conv, delay, "add", sizes[target])
            setattr(self, f"addskip_layer{target}", skip)

    def back(self) -> dict[str, int]:
        """Also by the classifier: it sees the last layer but one as late as the last."""
        back = super().back()
        below = self.layer_names[-2]
        back[below] = max(back[below], self.delays[self.layer_names[-1]])
        return back

    def classify(self, output: Tensor, state: State, span: tuple[int, int]) -> Tensor:
        """Logits of the last two layers' activity."""
        late = self.delays[self.layer_names[-1]]
        below = state.activity[self.layer_names[-2]].read(span[0] - late, span[1] - late)
        pooled: Tensor = self.average(output.flatten(0, 1)) + self.average(below.flatten(0, 1))
        logits: Tensor = self.classifier(pooled).unflatten(0, (len(output), -1))
        return logits

"""The classifier: D - hidden - hidden - 10 with ReLU and dropout after each hidden layer, log-softmax and NLL.

Everything is stacked over L *lanes*, networks of one shape trained side by side; one network is L = 1. The gradient
is written out (three layers, one page) because at batch 128 autograd's bookkeeping costs as much as the arithmetic.
Letters in shapes: L lanes, B batch, D pixels, H hidden units, C = 10 classes, P parameters per lane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt

import torch
from torch import Tensor

from .tensors import CLASSES


@dataclass(frozen=True)
class Shape:
    """Sizes of a network: `inputs` D and `hidden` H."""

    inputs: int
    hidden: int

    def layers(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of each parameter, in order; weights are (out, in) as in torch.nn.Linear."""
        d, h = self.inputs, self.hidden
        return {
            "hidden1.weight": (h, d),
            "hidden1.bias": (h,),
            "hidden2.weight": (h, h),
            "hidden2.bias": (h,),
            "output.weight": (CLASSES, h),
            "output.bias": (CLASSES,),
        }

    @property
    def parameters(self) -> int:
        """P, how many numbers a lane has."""
        return sum(prod(shape) for shape in self.layers().values())

    def views(self, flat: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Each parameter's name and its view into `flat` (..., P), of shape (..., *shape)."""
        start = 0
        for name, shape in self.layers().items():
            yield name, flat[..., start : start + prod(shape)].unflatten(-1, shape)
            start += prod(shape)

    def initial(self, generator: torch.Generator) -> Tensor:
        """(P,) initial parameters, uniform on ±1/sqrt(fan in) as torch.nn.Linear draws them."""
        flat = torch.empty(self.parameters)
        fan_in = self.inputs
        for name, view in self.views(flat):
            fan_in = view.shape[1] if name.endswith("weight") else fan_in
            view.uniform_(-1 / sqrt(fan_in), 1 / sqrt(fan_in), generator=generator)
        return flat


class Network:
    """L networks whose parameters are views into `flat`, so that one optimiser step moves them all.

    Attributes:
        flat: (L, P) float32.
        weights: three, (L, out, in).
        biases: three, (L, 1, out).
    """

    def __init__(self, shape: Shape, flat: Tensor) -> None:
        views = [view for _, view in shape.views(flat)]
        self.flat = flat
        self.weights = views[0::2]
        self.biases = [bias.unsqueeze(1) for bias in views[1::2]]

    def forward(self, x: Tensor, masks: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Activations of both hidden layers (L, B, H) and the logits (L, B, C) for inputs `x` (L, B, D).

        `masks`, two of (L, B, H), multiply the hidden layers: 0 where a unit is dropped, else 1 / (1 - dropout)
        (Srivastava et al., 2014, in the inverted form); None switches dropout off.
        """
        first = torch.baddbmm(self.biases[0], x, self.weights[0].mT).relu_()
        if masks:
            first.mul_(masks[0])
        second = torch.baddbmm(self.biases[1], first, self.weights[1].mT).relu_()
        if masks:
            second.mul_(masks[1])
        return first, second, torch.baddbmm(self.biases[2], second, self.weights[2].mT)

    def hidden_errors(
        self, error: Tensor, first: Tensor, second: Tensor, unkept: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Back-propagate `error` (L, B, C) = dloss/dlogits to both hidden layers' inputs, each (L, B, H).

        A unit passes its error if it was positive and kept, hence where the activation is positive (its sign is 1);
        `unkept` (L, 1, 1) is the mask's 1 / (1 - dropout), None without dropout.
        """
        errors = []
        for weight, activation in ((self.weights[2], second), (self.weights[1], first)):
            error = torch.bmm(error, weight).mul_(activation.sign())
            if unkept is not None:
                error.mul_(unkept)
            errors.append(error)
        return errors[1], errors[0]

    def gradient(
        self, x: Tensor, onehot: Tensor, masks: tuple[Tensor, Tensor] | None, unkept: Tensor | None, out: Network
    ) -> None:
        """Write to `out` the gradient of each lane's mean NLL on `x` (L, B, D) with labels `onehot` (L, B, C)."""
        first, second, logits = self.forward(x, masks)
        error = logits.softmax(-1).sub_(onehot).div_(x.shape[1])
        error1, error2 = self.hidden_errors(error, first, second, unkept)
        for layer, (below, above) in enumerate(((x, error1), (first, error2), (second, error))):
            torch.bmm(above.mT, below, out=out.weights[layer])
            torch.sum(above, 1, keepdim=True, out=out.biases[layer])

"""The recurrence of a layer: what its own activity, some steps ago, adds to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from quadrat import BadInput

from ..architectures import KEEPS_CHANNELS
from .plane import from_plane, plane_kernel, to_plane


class SelfRecurrence(nn.Module):
    """One weight for the whole layer (and one bias)."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(1)) if bias else None

    def forward(self, activity: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return activity * self.weight if self.bias is None else activity * self.weight + self.bias


class FullRecurrence(nn.Module):
    """A K × K convolution over all channels; K = 1 is pointwise."""

    def __init__(self, channels: int, target: int, kernel: int, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, target, kernel, padding=kernel // 2, bias=bias)

    def forward(self, activity: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C of the target, H, W)."""
        mapped: Tensor = self.conv(activity)
        return mapped


class SeparableRecurrence(nn.Module):
    """A K × K convolution of each channel by itself, before or after a 1 × 1 convolution, or without one."""

    def __init__(self, channels: int, target: int, kernel: int, bias: bool, order: tuple[str, ...]) -> None:
        super().__init__()
        self._order = order
        wide = target if order[0] == "pointwise" else channels
        for part in order:
            if part == "depthwise":
                self.depthwise_conv = nn.Conv2d(wide, wide, kernel, padding=kernel // 2, groups=wide, bias=bias)
            else:
                self.pointwise_conv = nn.Conv2d(channels, target, 1, bias=bias)

    def forward(self, activity: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C of the target, H, W)."""
        for part in self._order:
            activity = getattr(self, f"{part}_conv")(activity)
        return activity


class LocalRecurrence(nn.Module):
    """One small convolution on the cortical plane, which reflects at its edges; then one of each channel, if asked."""

    def __init__(self, channels: int, kernel: int, bias: bool, depthwise: bool) -> None:
        super().__init__()
        self._channels = channels
        self._edge = plane_kernel(channels) // 2
        self.conv = nn.Conv2d(1, 1, plane_kernel(channels), bias=bias)
        if depthwise:
            self.depthwise_conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=bias)

    def forward(self, activity: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        plane = functional.pad(to_plane(activity), (self._edge,) * 4, mode="reflect")
        mapped = from_plane(self.conv(plane), self._channels)
        return self.depthwise_conv(mapped) if hasattr(self, "depthwise_conv") else mapped


def make_recurrence(kind: str, channels: int, target: int, kernel: int, bias: bool = True) -> nn.Module | None:
    """The recurrence of a type; None for "none".

    Args:
        kind: the type (`architectures.RECURRENCE`).
        channels: of the activity.
        target: channels of what it is added to.
        kernel: side of the layer's first convolution kernel.
        bias: whether the layer has biases.

    Raises:
        BadInput: where the type keeps the channels, and the target has others.
    """
    if kind in KEEPS_CHANNELS and channels != target:
        raise BadInput(
            f"recurrence of type '{kind}' keeps its {channels} channels, and what it arrives at has {target}",
            where="model_args.rctarget",
            hint="rctarget=output, or rctype=full, pointwise, depthpointwise or pointdepthwise",
        )
    if kind == "none":
        return None
    if kind == "self":
        return SelfRecurrence(bias)
    if kind in ("local", "localdepthwise"):
        return LocalRecurrence(channels, kernel, bias, kind == "localdepthwise")
    if kind in ("full", "pointwise"):
        return FullRecurrence(channels, target, kernel if kind == "full" else 1, bias)
    order = {
        "depthwise": ("depthwise",),
        "depthpointwise": ("depthwise", "pointwise"),
        "pointdepthwise": ("pointwise", "depthwise"),
    }[kind]
    return SeparableRecurrence(channels, target, kernel, bias, order)

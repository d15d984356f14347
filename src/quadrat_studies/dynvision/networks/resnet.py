"""Residual networks (He et al. 2016, arXiv 1512.03385), with recurrence at the stem and at each stage."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from ..architectures import ResNet
from .base import RecurrentNetwork
from .dynamics import join
from .layers import Layer, Maker, check_size
from .recurrence import make_recurrence
from .starting import start_conv, start_recurrence

EXPANSION = 4
"""Channels that leave a bottleneck, to those inside it."""


class Block(nn.Module):
    """A residual block: two 3×3 convolutions, or a bottleneck of 1×1, 3×3 and 1×1, and what goes around them.

    Args:
        channels: that come in.
        width: of the block; a bottleneck gives four times as many.
        stride: of the first 3×3 convolution.
        bottleneck: which kind.
    """

    def __init__(self, channels: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        self.bottleneck = bottleneck
        given = width * (EXPANSION if bottleneck else 1)
        kernels = (1, 3, 1) if bottleneck else (3, 3)
        widths = (channels, width, width, given) if bottleneck else (channels, width, width)
        for place, kernel in enumerate(kernels):
            step = stride if place == (1 if bottleneck else 0) else 1
            conv = nn.Conv2d(widths[place], widths[place + 1], kernel, step, kernel // 2, bias=False)
            setattr(self, f"conv{place + 1}", conv)
            setattr(self, f"bn{place + 1}", nn.BatchNorm2d(widths[place + 1]))
        self.relu = nn.ReLU()
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, given, 1, stride, bias=False), nn.BatchNorm2d(given))
            if stride != 1 or channels != given
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        around = x if self.downsample is None else self.downsample(x)
        for place in range(1, 4 if self.bottleneck else 3):
            x = self.get_submodule(f"bn{place}")(self.get_submodule(f"conv{place}")(self.relu(x) if place > 1 else x))
        summed: Tensor = self.relu(x + around)
        return summed


class StageLayer(Layer):
    """Modules one after the other as one layer; a recurrence joins at the end.

    Args:
        blocks: the modules.
        shape: (C, H, W) that leave it.
        make: makes the recurrence.
        delay: of the recurrence, in steps.
    """

    def __init__(self, blocks: nn.Sequential, shape: tuple[int, int, int], make: Maker, delay: int) -> None:
        super().__init__()
        self.blocks = blocks
        self.shape = shape
        self.delay = delay
        self.recurrence = make(shape[0], shape[0])
        if self.recurrence is not None:
            start_recurrence(self.recurrence)

    def drive(self, source: Tensor) -> Tensor:
        """All of it."""
        driven: Tensor = self.blocks(source)
        return driven

    def merge(self, driven: Tensor | None, signal: Tensor | None) -> Tensor | None:
        """The recurrent signal added."""
        return join(driven, signal, "add")

    def recur(self, activity: Tensor) -> Tensor:
        """The recurrent signal."""
        assert self.recurrence is not None
        signal: Tensor = self.recurrence(activity)
        return signal


class ResNetwork(RecurrentNetwork):
    """A stem and three or four stages of residual blocks.

    Args:
        model: its arguments.
        n_classes: number of classes.
        image: (C, H, W).

    Raises:
        BadInput: for images that are too small.
    """

    def __init__(self, model: ResNet, n_classes: int, image: tuple[int, int, int]) -> None:
        super().__init__(model, image, ["conv1", *(f"layer{number + 1}" for number in range(len(model.blocks)))])
        width, kernel, stride = model.widths[0], *((3, 1) if model.is_small else (7, 2))
        delay = max(1, model.steps(model.trc))

        def make(own: int, target: int) -> nn.Module | None:
            return make_recurrence(model.rctype, own, target, 3)

        stem = nn.Conv2d(image[0], width, kernel, stride, kernel // 2, bias=False)
        size = tuple((side - 1) // stride + 1 for side in image[1:])
        modules = OrderedDict([("conv", stem), ("bn", nn.BatchNorm2d(width))])
        self.conv1 = StageLayer(nn.Sequential(modules), (width, *size), make, delay)  # type: ignore[arg-type]
        if not model.is_small:
            self.pool_conv1 = nn.MaxPool2d(3, 2, 1)
            size = tuple((side - 1) // 2 + 1 for side in size)
        channels = width
        for number, (count, width) in enumerate(zip(model.blocks, model.widths, strict=True)):
            stride = 2 if number else 1
            size = tuple((side - 1) // stride + 1 for side in size)
            blocks = []
            for place in range(count):
                blocks.append(Block(channels, width, 1 if place else stride, model.bottleneck))
                channels = width * (EXPANSION if model.bottleneck else 1)
            stage = StageLayer(nn.Sequential(*blocks), (channels, *size), make, delay)  # type: ignore[arg-type]
            setattr(self, f"layer{number + 1}", stage)
        check_size(size, "the last stage")  # type: ignore[arg-type]
        self.nonlin = nn.ReLU()
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, n_classes))
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and "recurrence" not in name:
                start_conv(module)

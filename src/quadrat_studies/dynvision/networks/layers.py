"""Layers: a feedforward part, which sees one step alone, and a recurrence that joins it at its end or inside it."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from quadrat import BadInput

from .dynamics import join

Maker = Callable[[int, int], nn.Module | None]
"""Makes the recurrence of an activity's channels for a target's."""


class Layer(nn.Module):
    """A layer of a network, cut where the recurrent signal arrives: `merge(drive(x), recur(r))`.

    What comes before and after that place knows no time, so that it can be computed for many steps at once.

    Attributes:
        recurrence: makes the signal of the activity some steps ago; None for no recurrence.
        delay: how many steps, 1 or more.
        shape: (C, H, W) of the activity.
    """

    recurrence: nn.Module | None
    delay: int
    shape: tuple[int, int, int]

    def drive(self, source: Tensor) -> Tensor:
        """(N, C, H, W): from the layer's input to what the recurrent signal joins."""
        raise NotImplementedError

    def merge(self, driven: Tensor | None, signal: Tensor | None) -> Tensor | None:
        """(N, C, H, W): join the signal, and do what comes after that; what is not there yet adds nothing."""
        raise NotImplementedError

    def recur(self, activity: Tensor) -> Tensor:
        """(N, C, H, W) of the activity to the signal, with the size of what it joins."""
        raise NotImplementedError


class ConvLayer(Layer):
    """One or two convolutions, with a recurrence at the end ("output"), at the input, or between the two ("middle").

    Args:
        channels: of the input, between the convolutions, and of the activity: as many as there are convolutions, + 1.
        kernels, strides, paddings: of the convolutions; a padding of None is half the kernel.
        biases: whether they have a bias.
        size: (H, W) of the input.
        recurrence: makes the recurrence from channels of the activity and of the target.
        target: where it arrives.
        delay: of the recurrence, in steps.
        between: what is between the two convolutions, before the ReLU there.
    """

    conv: nn.Conv2d
    conv2: nn.Conv2d

    def __init__(
        self,
        channels: tuple[int, ...],
        kernels: tuple[int, ...],
        strides: tuple[int, ...],
        size: tuple[int, int],
        *,
        make: Maker,
        target: str,
        delay: int,
        biases: tuple[bool, ...] = (True, True),
        paddings: tuple[int | None, ...] = (None, None),
        between: nn.Module | None = None,
    ) -> None:
        super().__init__()
        sizes = [size]
        for place, (kernel, stride) in enumerate(zip(kernels, strides, strict=True)):
            given = paddings[place]
            padding = kernel // 2 if given is None else given
            conv = nn.Conv2d(channels[place], channels[place + 1], kernel, stride, padding, bias=biases[place])
            setattr(self, "conv" if place == 0 else "conv2", conv)
            height, width = ((side + 2 * padding - kernel) // stride + 1 for side in sizes[-1])
            check_size((height, width), f"a convolution of {kernel}×{kernel}")
            sizes.append((height, width))
        self.mid_modules = between
        self.target = target
        self.delay = delay
        self.shape = (channels[-1], *sizes[-1])
        arrives = {"input": 0, "middle": 1, "output": len(kernels)}[target]
        self._arrives_at = sizes[arrives]
        self.recurrence = make(channels[-1], channels[arrives])

    def drive(self, source: Tensor) -> Tensor:
        """The convolutions before the target."""
        if self.target == "input":
            return source
        return self._middle(source) if self.target == "middle" else self._whole(source)

    def merge(self, driven: Tensor | None, signal: Tensor | None) -> Tensor | None:
        """The target, and the convolutions after it."""
        joined = join(driven, signal, "add")
        if joined is None or self.target == "output":
            return joined
        return self._whole(joined) if self.target == "input" else self._end(joined)

    def recur(self, activity: Tensor) -> Tensor:
        """The signal, brought to the size of the target by its nearest neighbours."""
        assert self.recurrence is not None
        signal: Tensor = self.recurrence(activity)
        if signal.shape[2:] != self._arrives_at:
            signal = functional.interpolate(signal, self._arrives_at, mode="nearest")
        return signal

    def _whole(self, source: Tensor) -> Tensor:
        return self._end(self._middle(source)) if hasattr(self, "conv2") else self.conv(source)

    def _middle(self, source: Tensor) -> Tensor:
        middle: Tensor = self.conv(source)
        return functional.relu(middle if self.mid_modules is None else self.mid_modules(middle))

    def _end(self, middle: Tensor) -> Tensor:
        ended: Tensor = self.conv2(middle)
        return ended


def check_size(size: tuple[int, int], what: str) -> None:
    """Whether there is anything left of an image.

    Raises:
        BadInput: where not.
    """
    if min(size) < 1:
        raise BadInput(
            f"the images are too small for the model: {what} leaves nothing of them",
            where="data_resolution",
            hint="larger images, or another model",
        )


class Connection(nn.Module):
    """From the activity of one layer to another: a convolution where channels or strides differ, then the right size.

    Args:
        source: the layer that it comes from.
        conv: the convolution, or None.
        delay: in steps; 0 is the activity of the same step.
        how: "add" or "mul".
        size: (H, W) of what it joins.
    """

    def __init__(self, source: str, conv: nn.Module | None, delay: int, how: str, size: tuple[int, int]) -> None:
        super().__init__()
        self.source = source
        self.delay = delay
        self.how = how
        self.size = size
        self.conv = conv
        self._is_pointwise = isinstance(conv, nn.Conv2d) and conv.kernel_size == conv.stride == (1, 1)

    def forward(self, activity: Tensor) -> Tensor:
        """(N, C, H, W) of the source to (N, C of the receiver, *size)."""
        if self.conv is None:
            return self._resized(activity)
        if self._is_pointwise and math.prod(self.size) < math.prod(activity.shape[2:]):
            # The same numbers: pixels that would be thrown away afterwards are not computed.
            activity = self._resized(activity)
        return self._resized(self.conv(activity))

    def _resized(self, signal: Tensor) -> Tensor:
        return signal if signal.shape[2:] == self.size else functional.interpolate(signal, self.size, mode="nearest")

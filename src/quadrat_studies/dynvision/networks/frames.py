"""What a network sees: a few frames, and which of them is there at each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from quadrat import BadInput

from .traces import joined


class Frames:
    """Distinct frames, what the first layer makes of each of them, and the order in which they are shown.

    Args:
        frames: (F, B, C, H, W).
        order: for each step the place of a frame.
        first: the number of the first step.
    """

    def __init__(self, frames: Tensor, order: Sequence[int], first: int = 0) -> None:
        # Convolutions want the channels together, on a CPU and on a GPU: measured here, they take half the time.
        self._frames = [frame.contiguous(memory_format=torch.channels_last) for frame in frames]
        self._order = tuple(order)
        self._first = first
        self._made: dict[int, Tensor] = {}

    def read(self, start: int, stop: int) -> Tensor:
        """(L, B, C, H, W) at the steps start … stop − 1."""
        return joined([self._frames[place].unsqueeze(0) for place in self._places(start, stop)])

    def driven(self, start: int, stop: int, drive: Callable[[Tensor], Tensor]) -> Tensor:
        """What `drive` makes of each step's frame, (L, …), or (1, …) of one that stays; computed once for a frame."""
        places = self._places(start, stop)
        for place in dict.fromkeys(places):
            if place not in self._made:
                self._made[place] = drive(self._frames[place])
        if len(set(places)) == 1:
            return self._made[places[0]].unsqueeze(0)
        return joined([self._made[place].unsqueeze(0) for place in places])

    def _places(self, start: int, stop: int) -> tuple[int, ...]:
        return self._order[start - self._first : stop - self._first]


def with_blank(frames: Tensor, order: Sequence[int], blank: float) -> tuple[Tensor, tuple[int, ...]]:
    """Frames (F, B, C, H, W) and an order in which −1 is a blank frame, with that as a frame of its own."""
    if all(place >= 0 for place in order):
        return frames, tuple(order)
    count = len(frames)
    whole = torch.cat([frames, torch.full_like(frames[:1], blank)])
    return whole, tuple(count if place < 0 else place for place in order)


def as_frames(given: Tensor, image: tuple[int, int, int]) -> Tensor:
    """Frames (B, F, C, H, W) from (H, W), (C, H, W), (B, C, H, W) or (B, F, C, H, W).

    Raises:
        BadInput: for another shape, images of another size than the network has been made for, whole numbers, or none.
    """
    shape = tuple(given.shape)
    if not given.is_floating_point() or not given.numel():
        what = "is empty" if given.is_floating_point() else f"has the type {given.dtype}"
        raise BadInput(f"input of shape {shape} {what}", where="input", hint="normalised images, as floats")
    own = shape if len(shape) > 2 else (1, *shape)
    if not 2 <= len(shape) <= 5 or own[-3:] != image:
        raise BadInput(
            f"input of shape {shape} does not fit a network for images (C, H, W) = {image}",
            where="input",
            hint="(B, C, H, W) or (B, T, C, H, W)",
        )
    return given.reshape(own if len(own) == 5 else (own[0] if len(own) == 4 else 1, 1, *image))


def check_order(order: Sequence[int], frames: int) -> None:
    """Whether every step shows a frame that is there.

    Raises:
        BadInput: where not.
    """
    wrong = [place for place in order if not -1 <= place < frames]
    if wrong or not len(order):
        what = f"the order shows frame {wrong[0]}, and there are {frames}" if wrong else "a sequence of no steps"
        raise BadInput(what, where="order")

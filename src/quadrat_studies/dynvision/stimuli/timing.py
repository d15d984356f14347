"""Training with still images: at which steps one is shown, and at which an answer is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from quadrat import BadInput


def training_order(pattern: str, steps: int, generator: torch.Generator | None = None) -> tuple[int, ...]:
    """Which frame is shown at each step: 0 for the image, −1 for the blank one.

    Args:
        pattern: ones and zeros. It is stretched over the steps: step t of T has `pattern[⌊t·len/T⌋]`.
        steps: T.
        generator: permutes the pattern before it is stretched; None leaves it as it is.

    Raises:
        BadInput: for a pattern of anything else, without a one, or longer than the sequence.
    """
    if not pattern or set(pattern) - {"0", "1"} or "1" not in pattern:
        raise BadInput(
            f"the pattern '{pattern}' shows no image",
            where="pattern",
            hint="ones where the image is there and zeros where not: 1011",
        )
    if len(pattern) > steps:
        raise BadInput(
            f"the pattern '{pattern}' has {len(pattern)} parts, and the sequence has tsteps {steps}",
            where="pattern",
            hint="as many steps as parts, or more",
        )
    if generator is not None:
        pattern = "".join(pattern[place] for place in torch.randperm(len(pattern), generator=generator).tolist())
    return tuple(0 if pattern[step * len(pattern) // steps] == "1" else -1 for step in range(steps))


def reaction_mask(order: Sequence[int], dt: float, lossrt: float) -> tuple[bool, ...]:
    """For each step whether it is too early for an answer: within max(1, ⌈lossrt/dt⌉) steps from an onset.

    An onset is a step with an image after one without, or the first. Its own step is always too early, with lossrt 0
    too: what a network says there cannot come from more than that step.

    Args:
        order: which frame is shown at each step, −1 for none.
        dt: ms of a step.
        lossrt: reaction time in ms.
    """
    late = max(1, math.ceil(lossrt / dt - 1e-9))
    onsets = [step for step, (before, now) in enumerate(pairwise((-1, *order))) if before < 0 <= now]
    return tuple(any(onset <= step < onset + late for onset in onsets) for step in range(len(order)))


def targets(labels: Tensor, order: Sequence[int], dt: float, lossrt: float | None, residual: int = 0) -> Tensor:
    """What is to be answered at each step, and −1 where no answer is asked for.

    Args:
        labels: (B,) integers.
        order: which frame is shown at each of T steps, −1 for none.
        dt: ms of a step.
        lossrt: reaction time in ms, see `reaction_mask`; None asks for an answer at every step with an image.
        residual: R, steps after which a network's first answer arrives; it sees R blank steps more.

    Returns:
        (B, R + T) int64, on the device of the labels: R times −1, then a target for each of the T steps.
    """
    mask = [False] * len(order) if lossrt is None else reaction_mask(order, dt, lossrt)
    is_asked = [False] * residual + [now >= 0 and not early for now, early in zip(order, mask, strict=True)]
    return torch.where(torch.tensor(is_asked, device=labels.device), labels.long().unsqueeze(1), -1)


def check_timing(pattern: str, steps: int, dt: float, lossrt: float) -> None:
    """Whether a training asks for any answer at all: a loss over none would be 0, and nothing would be learnt.

    Raises:
        BadInput: where every step is blank or too early; and as `training_order`.
    """
    order = training_order(pattern, steps)
    if all(now < 0 or early for now, early in zip(order, reaction_mask(order, dt, lossrt), strict=True)):
        raise BadInput(
            f"no step asks for an answer: none is later than lossrt {lossrt:g} ms after an onset"
            f" (pattern {pattern}, tsteps {steps}, dt {dt:g} ms)",
            where="lossrt",
            hint="a shorter lossrt, or more tsteps",
        )

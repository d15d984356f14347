"""Means over the samples of an epoch."""

from __future__ import annotations

import numpy as np
from torch import Tensor


class Average:
    """A mean loss; the sums are kept in double precision, so that the order of batches hardly matters."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._count = 0

    def add(self, loss: Tensor, count: int, spread: Tensor | None = None) -> None:
        """Count in the mean loss of `count` samples; `spread` is the scale that the flow's latents were divided by."""
        value = loss.detach().double() + (spread.double().log().sum() if spread is not None else 0.0)
        self._sum = value * count if self._sum is None else self._sum + value * count
        self._count += count

    def value(self) -> float:
        """The mean so far, in single precision as Lightning logs it; not a number where nothing was counted."""
        return float(np.float32(float(self._sum) / self._count)) if self._sum is not None else float("nan")

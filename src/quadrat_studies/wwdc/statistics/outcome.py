"""What a test says, and the correction for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from quadrat import BadInput

from ..streams import draws

NORMAL = "standard normal"
"""The target of tests that ask whether u is standard normal."""


@dataclass(frozen=True)
class Outcome:
    """What one test says of one thing.

    Attributes:
        test: its name.
        target: 'standard normal', 'label' or a factor.
        statistic: its statistic.
        p: its p value.
        effect: the size of the effect, in the unit that `measure` names; 0 is none.
        measure: what the effect is.
        n: samples.
        told: whether the flow was told the factor; None for tests of normality.
    """

    test: str
    target: str
    statistic: float
    p: float
    effect: float
    measure: str
    n: int
    told: bool | None = None


def holm(p: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """p values corrected so that the chance of any false rejection is kept (Holm 1979, Scand. J. Statist. 6, 65)."""
    values = np.asarray(p, float)
    order = np.argsort(values)
    steps = values[order] * (len(values) - np.arange(len(values)))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps)) if len(values) else steps
    return corrected


def permutation_p(observed: float, permuted: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The share of values at least as large as the observed one, itself counted (Phipson & Smyth 2010)."""
    return float((1 + np.sum(permuted >= observed)) / (1 + len(permuted)))


def choose(embeddings: xr.Dataset, samples: int | None, purpose: str, split: str = "test") -> xr.Dataset:
    """Some samples of a split, chosen by the seed of the embeddings; all for None.

    Raises:
        BadInput: the split is not in the embeddings, or has fewer samples than the test needs.
    """
    from ..catalog.reading import rows

    found = rows(embeddings, split)
    if not len(found):
        told = ", ".join(embeddings.attrs["splits"])
        raise BadInput(
            f"the tests need samples of the split '{split}'", where="splits", hint=f"embedded are: {told}; add {split}"
        )
    if samples is not None and samples > len(found):
        raise BadInput(
            f"the test '{purpose}' needs {samples} samples, but the split '{split}' has {len(found)}",
            where="analysis.tests",
            hint=f"write samples: {len(found)} or fewer, or make a larger catalog",
        )
    order = draws(int(embeddings.attrs["seed"]), "test", purpose).permutation(found)
    return embeddings.isel(sample=order[:samples])

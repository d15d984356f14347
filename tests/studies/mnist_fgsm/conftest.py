"""Small real data (scikit-learn's digits) and seeds for the study's tests."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import pytest
import torch

from quadrat_studies.mnist_fgsm import datasets, tensors

Seeds = Callable[[int], Callable[[str], int]]


@pytest.fixture(scope="session")
def digits() -> tensors.Tensors:
    return tensors.from_arrays(datasets.load("digits"))


@pytest.fixture(scope="session")
def seeds() -> Seeds:
    """Like the engine's: a 63-bit integer for a run's seed and a purpose."""

    def of_run(seed: int) -> Callable[[str], int]:
        return lambda purpose: int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()) >> 1

    return of_run


@pytest.fixture(autouse=True)
def untouched_global_randomness() -> None:
    """No test, and so nothing that it calls, may depend on torch's global generator: it is another one each time."""
    torch.seed()

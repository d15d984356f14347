"""Seeds: everything random is drawn for a purpose, from the experiment's seed, the same through every front door."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def seed_of(seed: int, *purpose: str | int) -> int:
    """A seed of 63 bits for a purpose ("order", epoch), from the seed of the experiment alone."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A generator of torch's for a purpose, on the CPU: so that devices draw the same."""
    return torch.Generator().manual_seed(seed_of(seed, *purpose))


def draws(seed: int, *purpose: str | int) -> np.random.Generator:
    """A generator of numpy's for a purpose."""
    return np.random.default_rng(seed_of(seed, *purpose))

"""The named settings that an experiment file begins from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MODELS: dict[str, dict[str, Any]] = {
    # p = 45
    "small": {"in_dim": 4, "depth": 2, "widths": [4, 4]},
    # p of about 10,000, as wide as fits
    "base": {"in_dim": 32, "depth": 3, "target_params": 10_000, "skip_connections": True, "residual_period": 1},
    "wide": {"in_dim": 32, "depth": 2, "target_params": 20_000},
    "large": {"in_dim": 32, "depth": 4, "target_params": 50_000, "skip_connections": True, "residual_period": 1},
    "huge": {"in_dim": 32, "depth": 6, "target_params": 100_000, "skip_connections": True, "residual_period": 1},
    # A product of matrices, whose λ is known (Aoyagi 2024); set widths, and the rank of the teacher.
    "deep_linear": {
        "in_dim": 5, "out_dim": 5, "depth": 1, "widths": [3], "activation": "identity", "bias": False, "init": "xavier",
    },
}  # fmt: skip

DATA: dict[str, dict[str, Any]] = {
    "small": {"n_data": 5_000},
    "base": {"n_data": 20_000},
    "large": {"n_data": 100_000},
}

TEACHERS: dict[str, dict[str, Any] | None] = {
    "_null": None,
    "small": {"depth": 2, "widths": [4, 4]},
    "base": {"depth": 3, "target_params": 10_000},
}

PRESETS: Mapping[str, Mapping[str, dict[str, Any] | None]] = {"model": MODELS, "data": DATA, "teacher": TEACHERS}

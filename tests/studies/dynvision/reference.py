"""Numbers computed once with the public DynVision code, and the weights that they were computed with."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from quadrat_studies.dynvision.networks import RecurrentNetwork

# Read once, before `clean_environment` takes it away from the tests.
_GIVEN = os.environ.get("QUADRAT_REFERENCE")
BESIDE = Path(__file__).resolve().parents[4] / "shared" / "reference" / "dynvision"


def folder() -> Path | None:
    """Where the numbers are, if they are there."""
    found = Path(_GIVEN) / "dynvision" if _GIVEN else BESIDE
    return found if (found / "index.json").is_file() else None


def index() -> dict[str, Any]:
    """The configuration behind each file; empty where there are none."""
    found = folder()
    return json.loads((found / "index.json").read_text(encoding="utf-8")) if found else {}


def numbers(tag: str) -> dict[str, NDArray[Any]]:
    """The numbers of one configuration."""
    found = folder()
    if found is None:
        pytest.skip("no reference numbers: set QUADRAT_REFERENCE to the folder that has dynvision/index.json")
    with np.load(found / f"{tag}.npz") as file:
        return {name: file[name] for name in file.files}


def set_weights(network: RecurrentNetwork) -> None:
    """Give every parameter but τ the values that the reference had, drawn by its name."""
    for name, parameter in network.named_parameters():
        if "tau" in name:
            continue
        shape = tuple(parameter.shape)
        drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
        if name.endswith("recurrence.weight") and parameter.numel() == 1:
            values = 0.5 * np.tanh(drawn)
        elif parameter.ndim >= 2:
            values = drawn * np.sqrt(1 / np.prod(shape[1:])) * (0.5 if ".recurrence." in name else 1)
        elif name.endswith("weight"):
            values = 1 + 0.1 * drawn
        else:
            values = 0.1 * drawn
        parameter.data.copy_(torch.from_numpy(values.astype(np.float32)))

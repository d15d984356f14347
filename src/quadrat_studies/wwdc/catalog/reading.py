"""A catalog as tensors: images, contexts and splits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from quadrat import BadInput

from ..context import check_context, kept_factors
from ..params import Catalog
from . import sources
from .making import definition, make


def write(dataset: xr.Dataset, path: Path) -> None:
    """Keep a dataset as zarr (format 2, which every reader knows), one file for each variable."""
    whole = {name: {"chunks": variable.shape} for name, variable in dataset.variables.items()}
    dataset.to_zarr(path, mode="w", zarr_format=2, encoding=whole, consolidated=True)


def build(spec: Catalog, path: Path) -> xr.Dataset:
    """Make a catalog and keep it.

    Raises:
        BadInput: for a split without samples.
    """
    dataset = make(spec, *sources.load(spec.source))
    check_splits(dataset, ("train", "val", "test"), "the catalog")
    write(dataset, path)
    return dataset


def ensure(spec: Catalog, path: Path) -> xr.Dataset:
    """The catalog kept at `path`, made where it is missing; whole or not there, whoever else makes it too.

    Raises:
        BadInput: the one that is there was made from another definition.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting = path.with_name(f".{path.name}.{os.getpid()}")
        build(spec, waiting)
        try:
            waiting.rename(path)
        except OSError:  # another job was first
            shutil.rmtree(waiting)
    dataset = open_catalog(path)
    if dataset.attrs["definition"] != definition(spec):
        raise BadInput(
            "the data set that is there was made from another definition",
            where=str(path),
            hint="give the data another meta.data_name, or move the folder away",
        )
    return dataset


@lru_cache(maxsize=2)
def open_catalog(path: Path) -> xr.Dataset:
    """The catalog kept at `path`, in memory."""
    with xr.open_zarr(path, consolidated=True) as kept:
        loaded: xr.Dataset = kept.load()
        return loaded


def check_splits(dataset: xr.Dataset, names: Sequence[str], what: str) -> None:
    """Whether splits exist and have samples.

    Raises:
        BadInput: naming the split that does not, and how many samples each has.
    """
    counts = {name: len(rows(dataset, name)) for name in dataset.split.attrs["names"]}
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    for name in names:
        if name not in counts:
            raise BadInput(f"{what} has no split '{name}'", where="splits", hint=f"samples: {told}")
        if not counts[name]:
            raise BadInput(f"the split '{name}' of {what} is empty", where=name, hint=f"samples: {told}")


def rows(dataset: xr.Dataset, split: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The positions of a split's samples; none for a split that the data set does not know."""
    names = dataset.split.attrs["names"]
    return np.flatnonzero(dataset.split.values == names.index(split)) if split in names else np.empty(0, np.int64)


def pixels(dataset: xr.Dataset) -> Tensor:
    """All images, (N, C, H, W) in [0, 1]."""
    return torch.from_numpy(dataset.image.values).float() / 255


@dataclass(frozen=True)
class Conditions:
    """What a flow is conditioned on.

    Attributes:
        values: (N, classes + factors), one-hot label and the factors that are left, each mapped to [-1, 1] from the
            range that normal samples have.
        factors: the names of those.
    """

    values: Tensor
    factors: tuple[str, ...]


def conditions(dataset: xr.Dataset, spec: Catalog, drop: Sequence[str], context: int | None = None) -> Conditions:
    """The conditions of all samples, without the factors in `drop`.

    Raises:
        BadInput: a factor that is not in the data; a `context` that is not what comes out.
    """
    factors = kept_factors(drop)
    check_context(context, spec.classes, factors)
    hot = torch.nn.functional.one_hot(torch.from_numpy(dataset.label.values), spec.classes).float()
    columns = [hot, *(_scaled(dataset[name].values, getattr(spec, name)) for name in factors)]
    return Conditions(torch.cat(columns, dim=1), factors)


def _scaled(values: np.ndarray[tuple[int], np.dtype[np.float32]], between: tuple[float, float]) -> Tensor:
    low, high = between
    return ((torch.from_numpy(values) - (low + high) / 2) / ((high - low) / 2 or 1.0))[:, None]

"""Which images: train and validation, the same number of each class, classes by turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quadrat import BadInput

Indices = NDArray[np.int64]


def split(labels: NDArray[np.int64], train_ratio: float, *, seed: int) -> tuple[Indices, Indices]:
    """Sorted indices of a training and a validation part: disjoint, complete, and stratified.

    The training part has round(N * train_ratio) images, and of each class its share to within one image.

    Args:
        labels: (N,) class of each image.
        train_ratio: between 0 and 1.
        seed: of the split, which belongs to the data: runs with other seeds are validated on the same images.

    Raises:
        BadInput: a ratio outside (0, 1), or one that leaves a part empty.
    """
    if not 0 < train_ratio < 1:
        raise BadInput(f"{train_ratio} is no ratio between 0 and 1", where="train_ratio")
    classes, counts = np.unique(labels, return_counts=True)
    total = round(len(labels) * train_ratio)
    if not 0 < total < len(labels):
        raise BadInput(
            f"{len(labels)} images split at {train_ratio} leave {total} for training",
            where="train_ratio",
            hint="take more images, or another ratio",
        )
    shares = counts * (total / len(labels))
    quota = np.floor(shares).astype(np.int64)
    # What rounding down left over goes to the classes that lost most by it.
    quota[np.argsort(quota - shares, kind="stable")[: total - int(quota.sum())]] += 1
    train = np.zeros(len(labels), bool)
    generator = np.random.default_rng(seed)
    for name, count in zip(classes, quota, strict=True):
        train[generator.permutation(np.flatnonzero(labels == name))[:count]] = True
    return np.flatnonzero(train), np.flatnonzero(~train)


def round_robin(labels: NDArray[np.int64]) -> Indices:
    """All indices, one of each class by turns, in a class in their order; a class that has no more is left out."""
    by_class = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    turn = np.empty(len(labels), np.int64)
    turn[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    return np.lexsort((labels, turn))


def balanced(labels: NDArray[np.int64], limit: int | None) -> Indices:
    """Sorted indices of at most `limit` images (None: all): of each class the first ones, as many as of the others.

    Raises:
        BadInput: a limit below 1.
    """
    if limit is None:
        return np.arange(len(labels))
    if limit < 1:
        raise BadInput(f"a limit of {limit} images leaves none", where="limit")
    return np.sort(round_robin(labels)[:limit])

"""Kernel ridge regression, out of fold, as one matrix: a permutation test fits anew at the cost of a product."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy.spatial.distance import cdist

Matrix = np.ndarray[Any, np.dtype[np.float64]]
Kernel = Literal["linear", "rbf"]
_FOLDS = 5


def gram(x: Matrix, kernel: Kernel) -> Matrix:
    """The kernel matrix (N, N) of features (N, D), each scaled to mean 0 and variance 1.

    The Gaussian kernel's width is the median distance (Gretton et al. 2012, JMLR 13, 723).
    """
    scaled = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    if kernel == "linear":
        product: Matrix = scaled @ scaled.T
        return product
    squares: Matrix = cdist(scaled, scaled, "sqeuclidean")
    width = np.median(squares[np.triu_indices(len(x), 1)])
    return np.exp(-squares / width) if width > 0 else np.ones_like(squares)


def out_of_fold(x: Matrix, kernel: Kernel, random: np.random.Generator) -> Matrix:
    """The matrix H (N, N) by which out-of-fold predictions of any targets y (N, K) are H y.

    Row i has weights on the samples of the other four folds alone. Each fold's targets are centred with the mean of
    what it is fitted to, which H does too.
    """
    count = len(x)
    kernels = gram(x, kernel)
    # Features and noise of equal weight: for the linear kernel that is the trace of a sample, for the Gaussian one 1.
    penalty = x.shape[1] if kernel == "linear" else 1.0
    folds = np.arange(count) % _FOLDS
    random.shuffle(folds)
    hat = np.zeros((count, count))
    for fold in range(_FOLDS):
        test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        inner = kernels[np.ix_(train, train)] + penalty * np.eye(len(train))
        weights = np.linalg.solve(inner, kernels[np.ix_(train, test)]).T
        mean = np.full(len(train), 1 / len(train))
        hat[np.ix_(test, train)] = weights - weights.sum(1, keepdims=True) * mean + mean
    return hat

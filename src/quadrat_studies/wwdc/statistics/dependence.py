"""Which factors are still in u?

A conditional flow that models p(z | context) well gives u that does not depend on the context: a factor that the flow
was told has left u. One that it was not told has nowhere to go but u.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..params import FACTORS
from ..streams import draws
from .kernels import Kernel, Matrix, gram, out_of_fold
from .outcome import Outcome, choose, permutation_p

_KEPT = 0.999


def regression(
    embeddings: xr.Dataset, samples: int = 1000, permutations: int = 1999, kernel: Kernel = "linear"
) -> list[Outcome]:
    """Predict each factor, and the label, from u by kernel ridge with five-fold cross-validation.

    The effect of a factor is the out-of-fold R² = 1 - SSE / SST, at or below 0 by chance; that of the label the
    accuracy above chance (the share of the most frequent class), scaled to 1 for no error. p by permutation of the
    targets, with all fits done anew.
    """
    chosen = choose(embeddings, samples, f"regression-{kernel}")
    random = draws(int(embeddings.attrs["seed"]), "permutations", f"regression-{kernel}")
    hat = out_of_fold(chosen.u.values.astype(np.float64), kernel, random)
    orders = np.stack([np.arange(samples), *(random.permutation(samples) for _ in range(permutations))], axis=1)
    name = "ridge" if kernel == "linear" else "kernel ridge"
    rows = []
    for factor in FACTORS:
        y = chosen[factor].values.astype(np.float64)[orders]
        scores = 1 - np.square(y - hat @ y).sum(0) / np.square(y - y.mean(0)).sum(0)
        rows.append(_row(name, factor, scores, "R²", samples, embeddings))
    labels = chosen.label.values
    _, classes = np.unique(labels, return_inverse=True)
    hot = np.eye(classes.max() + 1)[classes]
    chance = float(hot.mean(0).max())
    right = np.concatenate([_right(hat, hot, classes, orders[:, some]) for some in _parts(range(orders.shape[1]), 100)])
    scaled = (right - chance) / (1 - chance)
    return [*rows, _row(name, "label", scaled, "accuracy above chance", samples, embeddings)]


def hsic(embeddings: xr.Dataset, samples: int = 500, permutations: int = 1999) -> list[Outcome]:
    """The Hilbert–Schmidt independence criterion of u and each factor (Gretton et al. 2005, ALT), by permutation.

    Gaussian kernels of median width; the kernel of a factor by its leading eigenvectors, which hold 99.9% of its trace.
    The effect is the criterion scaled as a correlation, with the mean over permutations taken off.
    """
    chosen = choose(embeddings, samples, "hsic")
    random = draws(int(embeddings.attrs["seed"]), "permutations", "hsic")
    k = _centred(gram(chosen.u.values.astype(np.float64), "rbf"))
    orders = [np.arange(samples), *(random.permutation(samples) for _ in range(permutations))]
    rows = []
    for target in (*FACTORS, "label"):
        y = chosen[target].values.astype(np.float64)
        same = (y[:, None] == y[None]).astype(np.float64)
        other = _centred(same if target == "label" else gram(y[:, None], "rbf"))
        features = _features(other)
        scale = float(np.linalg.norm(k) * np.linalg.norm(other))
        scores = np.concatenate([_traces(k, features, some) for some in _parts(orders, 200)]) / (scale or 1)
        observed, permuted = float(scores[0]), scores[1:]
        effect = observed - float(permuted.mean())
        told = _told(embeddings, target)
        p = permutation_p(observed, permuted)
        rows.append(Outcome("HSIC", target, observed, p, effect, "HSIC above chance", samples, told))
    return rows


def _traces(k: Matrix, features: Matrix, orders: list[Any]) -> Matrix:
    """tr(K F F') for features with rows in several orders."""
    many = np.concatenate([features[order] for order in orders], axis=1)
    traces: Matrix = np.einsum("ij,ij->j", many, k @ many).reshape(len(orders), -1).sum(1)
    return traces


def _features(kernel: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh(kernel)
    values, vectors = values[::-1].clip(min=0), vectors[:, ::-1]
    rank = int(np.searchsorted(np.cumsum(values), _KEPT * values.sum()) + 1)
    kept: Matrix = vectors[:, :rank] * np.sqrt(values[:rank])
    return kept


def _centred(kernel: Matrix) -> Matrix:
    centred: Matrix = kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean()
    return centred


def _parts(items: Any, size: int) -> list[Any]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _right(hat: Matrix, hot: Matrix, classes: Any, orders: Any) -> Matrix:
    """The share of labels that are predicted right, for labels in several orders (N, K)."""
    guesses = (hat @ hot[orders].reshape(len(hot), -1)).reshape(*orders.shape, -1).argmax(-1)
    right: Matrix = (guesses == classes[orders]).mean(0)
    return right


def _row(name: str, target: str, scores: Matrix, measure: str, samples: int, embeddings: xr.Dataset) -> Outcome:
    observed = float(scores[0])
    p = permutation_p(observed, scores[1:])
    return Outcome(name, target, observed, p, observed, measure, samples, _told(embeddings, target))


def _told(embeddings: xr.Dataset, target: str) -> bool:
    return target == "label" or target in embeddings.attrs["factors"]

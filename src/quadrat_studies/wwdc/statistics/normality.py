"""Is u standard normal?"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy import stats
from scipy.spatial.distance import cdist

from ..streams import draws
from .kernels import out_of_fold
from .outcome import NORMAL, Outcome, choose, holm, permutation_p

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def energy(embeddings: xr.Dataset, samples: int = 500, permutations: int = 1999) -> list[Outcome]:
    """The energy test of u against as many standard normal draws (Székely & Rizzo 2013, J. Stat. Plan. Inference 143).

    The effect is the energy coefficient: the energy distance over twice the mean distance between the two, in [0, 1].
    """
    u, normal, random = _pair(embeddings, samples, "energy")
    both = np.concatenate([u, normal])
    distances = cdist(both, both)
    signs = np.concatenate([np.ones(samples), -np.ones(samples)])
    many = np.stack([random.permutation(signs) for _ in range(permutations)], axis=1)
    # 2 E|X-Y| - E|X-X'| - E|Y-Y'| is a quadratic form in the signs.
    observed = -float(signs @ distances @ signs) / samples**2
    permuted = -np.einsum("ij,ij->j", many, distances @ many) / samples**2
    across = distances[:samples, samples:].mean()
    effect = max(0.0, observed) / (2 * float(across))
    p = permutation_p(observed, permuted)
    return [Outcome("energy", NORMAL, observed, p, effect, "energy coefficient", samples)]


def kolmogorov_smirnov(embeddings: xr.Dataset, samples: int | None = None) -> list[Outcome]:
    """Kolmogorov and Smirnov's test of every dimension of u against N(0, 1): the least p, corrected by Holm.

    The effect is the largest distance D of the distribution functions.
    """
    u = _u(choose(embeddings, samples, "kolmogorov_smirnov"))
    found = [stats.ks_1samp(column, stats.norm.cdf) for column in u.T]
    largest = max(float(one.statistic) for one in found)
    least = float(holm([float(one.pvalue) for one in found]).min())
    return [Outcome("Kolmogorov–Smirnov", NORMAL, largest, least, largest, "largest D", len(u))]


def mahalanobis(embeddings: xr.Dataset, samples: int | None = None) -> list[Outcome]:
    """Whether |u|², the squared Mahalanobis distance, is χ² distributed with as many degrees as u has dimensions.

    The effect is the distance D of the distribution functions.
    """
    u = _u(choose(embeddings, samples, "mahalanobis"))
    found = stats.ks_1samp(np.square(u).sum(1), stats.chi2(u.shape[1]).cdf)
    distance = float(found.statistic)
    return [Outcome("Mahalanobis χ²", NORMAL, distance, float(found.pvalue), distance, "D", len(u))]


def two_sample(embeddings: xr.Dataset, samples: int = 500, permutations: int = 1999) -> list[Outcome]:
    """A classifier that is to tell u from standard normal draws (Lopez-Paz & Oquab 2017, arXiv 1610.06545).

    Kernel ridge with a Gaussian kernel, by five-fold cross-validation; p by permutation of the classes with all fits
    done anew. The effect is the accuracy above chance, scaled to 1 for no error.
    """
    u, normal, random = _pair(embeddings, samples, "two_sample")
    classes = np.concatenate([np.ones(samples), -np.ones(samples)])
    many = np.stack([classes, *(random.permutation(classes) for _ in range(permutations))], axis=1)
    hat = out_of_fold(np.concatenate([u, normal]), "rbf", random)
    right = (np.sign(hat @ many) == many).mean(0)
    observed = float(right[0])
    p = permutation_p(observed, right[1:])
    return [Outcome("classifier", NORMAL, observed, p, 2 * observed - 1, "accuracy above chance", samples)]


def _u(embeddings: xr.Dataset) -> Matrix:
    values: Matrix = embeddings.u.values.astype(np.float64)
    return values


def _pair(embeddings: xr.Dataset, samples: int, purpose: str) -> tuple[Matrix, Matrix, np.random.Generator]:
    u: Any = _u(choose(embeddings, samples, purpose))
    random = draws(int(embeddings.attrs["seed"]), "normal", purpose)
    return u, random.standard_normal(u.shape), random

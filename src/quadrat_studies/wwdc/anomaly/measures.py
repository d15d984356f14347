"""How well scores tell anomalies from normal samples, with bootstrap intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float64]]
MEASURES = ("auroc", "average_precision", "precision_at_n")


def measure(scores: Vector, anomalous: Vector, weights: Vector) -> Vector:
    """AUROC, average precision and precision at n, for samples that count several times each.

    AUROC counts ties by halves. n of precision at n is the number of anomalies.

    Args:
        scores: (N,), larger is more anomalous.
        anomalous: (N,) truth values.
        weights: (K, N) how often each sample counts.

    Returns:
        (K, 3).
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # the last of every set of ties
    truth, weights = anomalous[order].astype(float), weights[:, order].astype(float)
    hits = np.cumsum(weights * truth, axis=1)[:, ends]
    alarms = np.cumsum(weights * (1 - truth), axis=1)[:, ends]
    positives, negatives = hits[:, -1:], alarms[:, -1:]
    before = np.pad(hits, ((0, 0), (1, 0)))
    steps = np.diff(np.pad(alarms, ((0, 0), (1, 0))), axis=1)
    area = ((before[:, 1:] + before[:, :-1]) / 2 * steps).sum(1) / (positives * negatives)[:, 0]
    seen = np.maximum(hits + alarms, 1)
    gained = np.diff(before, axis=1) / positives
    average = (hits / seen * gained).sum(1)
    first = (hits + alarms >= positives).argmax(1)
    rows = np.arange(len(weights))
    at_n = hits[rows, first] / seen[rows, first]
    return np.stack([area, average, at_n], axis=1)


def resamples(anomalous: Vector, draws: int, random: np.random.Generator) -> Vector:
    """Weights (1 + draws, N): all once, then bootstrap draws among normal and among anomalous samples apart."""
    weights = np.zeros((draws + 1, len(anomalous)))
    weights[0] = 1
    for kind in (False, True):
        members = np.flatnonzero(anomalous == kind)
        weights[1:, members] = random.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
    return weights


def over_seeds(values: list[Vector], random: np.random.Generator) -> tuple[float, float, float]:
    """Mean over seeds with a 95% interval that has both sources of chance: which seeds, and which samples.

    Args:
        values: of each seed, the value of all samples and then of bootstrap draws, (1 + draws,).
        random: draws the seeds.
    """
    table = np.stack(values)
    draws = table.shape[1] - 1
    seeds = random.integers(len(table), size=(draws, len(table)))
    means = table[seeds, 1 + np.arange(draws)[:, None]].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(table[:, 0].mean()), float(low), float(high)

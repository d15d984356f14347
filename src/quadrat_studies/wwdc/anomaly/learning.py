"""Active learning: which samples to show an oracle, so that a classifier learns to find anomalies from few labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from ..catalog.reading import rows
from ..params import Learning
from ..streams import draws

Matrix = np.ndarray[Any, np.dtype[np.float64]]
RANDOM = "random"


@dataclass(frozen=True)
class Pool:
    """Samples that may be asked about, and others to judge what was learnt.

    Attributes:
        x, test_x: features (N, D).
        y, test_y: whether they are anomalous, which the oracle knows.
        score: what is known of the pool without any label: -log p.
        first: the samples whose labels every strategy begins with.
    """

    x: Matrix
    y: Matrix
    score: Matrix
    first: list[int]
    test_x: Matrix
    test_y: Matrix


def learn(embeddings: xr.Dataset, params: Learning) -> list[dict[str, Any]]:
    """Learning curves of every strategy on several pools: rows of strategy, repeat, labels, auroc, average precision.

    Every strategy begins with the same labels: half of the most anomalous samples by -log p, half at random. Empty
    where no anomalies are embedded.
    """
    if not len(rows(embeddings, "anomaly")):
        return []
    curves = []
    for repeat in range(params.repeats):
        pool = _pool(embeddings, params, repeat)
        for strategy in params.strategies:
            random = draws(int(embeddings.attrs["seed"]), "queries", repeat, strategy)
            for values in _curve(pool, params, strategy, random):
                curves.append({"strategy": strategy, "repeat": repeat, **values})
    return curves


def _pool(embeddings: xr.Dataset, params: Learning, repeat: int) -> Pool:
    """Half of the normal test samples, with as many anomalies as are wanted, to ask about; the same again to judge."""
    random = draws(int(embeddings.attrs["seed"]), "pool", repeat)
    normal, odd = (random.permutation(rows(embeddings, split)) for split in ("test", "anomaly"))
    half = len(normal) // 2
    count = min(round(half * params.contamination / (1 - params.contamination)), len(odd) // 2)
    asked, judged = np.append(normal[:half], odd[:count]), np.append(normal[half:], odd[count : 2 * count])
    features = _features(embeddings)
    scaled = StandardScaler().fit(features[asked])
    kinds, score = embeddings.kind.values > 0, -embeddings.log_prob_marginal.values
    pair = scaled.transform(features[asked]), scaled.transform(features[judged])
    ranked = [int(place) for place in np.argsort(-score[asked], kind="stable")]
    half = params.initial // 2
    first = ranked[:half] + [int(place) for place in random.permutation(ranked[half:])[: params.initial - half]]
    return Pool(pair[0], kinds[asked], score[asked], first, pair[1], kinds[judged])


def _features(embeddings: xr.Dataset) -> Matrix:
    """Latents, squares of base coordinates, and log p: a linear classifier sees both shift and size in them."""
    z, u = (embeddings[name].values.astype(np.float64) for name in ("z", "u_marginal"))
    log_prob = embeddings.log_prob_marginal.values.astype(np.float64)[:, None]
    return np.concatenate([z, np.square(np.clip(u, -10, 10)), log_prob], axis=1)


def _curve(pool: Pool, params: Learning, strategy: str, random: np.random.Generator) -> list[dict[str, Any]]:
    known = list(pool.first)
    found = []
    for step in range(params.rounds + 1):
        chance = _judge(pool, known)
        found.append({"labels": len(known), **_quality(pool, known)})
        if step < params.rounds:
            known += list(_query(strategy, pool, known, chance, params.batch, random))
    return found


def _fit(pool: Pool, known: Sequence[int]) -> LogisticRegression | None:
    labels = pool.y[known]
    if labels.min() == labels.max():
        return None
    return LogisticRegression(C=0.05, class_weight="balanced", max_iter=200).fit(pool.x[known], labels)


def _judge(pool: Pool, known: Sequence[int]) -> Matrix:
    """How probably each sample of the pool is anomalous; by the rank of -log p while all labels are the same."""
    model = _fit(pool, known)
    if model is None:
        ranks: Matrix = np.argsort(np.argsort(pool.score)) / len(pool.score)
        return ranks
    chance: Matrix = model.predict_proba(pool.x)[:, 1]
    return chance


def _quality(pool: Pool, known: Sequence[int]) -> dict[str, float]:
    model = _fit(pool, known)
    scores = np.zeros(len(pool.test_y)) if model is None else model.decision_function(pool.test_x)
    found = {
        "auroc": roc_auc_score(pool.test_y, scores),
        "average_precision": average_precision_score(pool.test_y, scores),
    }
    return {name: float(value) for name, value in found.items()} | {"found": int(pool.y[known].sum())}


def _query(
    strategy: str, pool: Pool, known: Sequence[int], chance: Matrix, count: int, random: np.random.Generator
) -> Iterable[int]:
    """Which samples to ask about next."""
    open_ = np.setdiff1d(np.arange(len(pool.y)), known)
    if strategy == "anomalous":
        return map(int, open_[np.argsort(-chance[open_], kind="stable")[:count]])
    if strategy == "uncertain":
        return map(int, open_[np.argsort(np.abs(chance[open_] - 0.5), kind="stable")[:count]])
    if strategy == "diverse":
        return _farthest(pool.x, known, open_, count)
    return map(int, random.permutation(open_)[:count])


def _farthest(x: Matrix, known: Sequence[int], open_: Matrix, count: int) -> list[int]:
    """Greedily the samples farthest from all known ones (core-set, Sener & Savarese 2018, arXiv 1708.00489)."""
    distance = cdist(x[open_], x[known]).min(1)
    chosen = []
    for _ in range(min(count, len(open_))):
        place = int(distance.argmax())
        chosen.append(int(open_[place]))
        distance = np.minimum(distance, cdist(x[open_], x[open_[place : place + 1]])[:, 0])
    return chosen

"""Detectors, their measures and intervals, and active learning: against others, and where truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from sklearn.metrics import average_precision_score, roc_auc_score

from quadrat import BadInput
from quadrat_studies.wwdc.anomaly import detecting, learning
from quadrat_studies.wwdc.anomaly.measures import measure, over_seeds, resamples
from quadrat_studies.wwdc.params import Learning
from studies.wwdc.made_embeddings import embeddings

DETECTORS = [
    {"name": "−log p", "score": "log_prob_marginal"},
    {"name": "Mahalanobis", "_target_": "wwdc.anomaly.detectors.Mahalanobis", "features": "u"},
    {"name": "isolation forest", "_target_": "pyod.models.iforest.IForest", "features": "z", "n_estimators": 20},
    {"name": "nearest", "_target_": "pyod.models.knn.KNN", "features": "z"},
]


@given(
    some.lists(some.tuples(some.integers(0, 6), some.booleans(), some.integers(0, 3)), min_size=4, max_size=30).filter(
        lambda rows: {True, False} == {odd for _, odd, weight in rows if weight}
    )
)
def test_measures_are_those_of_scikit_learn(rows: list[tuple[int, bool, int]]) -> None:
    """Ties, and samples that count several times or not at all, included."""
    scores, odd, weights = (np.array(column) for column in zip(*rows, strict=True))
    (found,) = measure(scores.astype(float), odd, weights[None])
    assert found[0] == pytest.approx(roc_auc_score(odd, scores, sample_weight=weights))
    assert found[1] == pytest.approx(average_precision_score(odd, scores, sample_weight=weights))


def test_precision_at_n() -> None:
    """Four anomalies: of the four with the highest scores three are anomalous."""
    scores, odd = np.arange(10, 0, -1.0), np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 1], bool)
    assert measure(scores, odd, np.ones((1, 10)))[0, 2] == 0.75


def test_resamples_keep_the_number_of_anomalies() -> None:
    odd = np.arange(50) < 8
    weights = resamples(odd, 30, np.random.default_rng(0))
    assert weights[0].tolist() == [1] * 50
    assert set(weights[:, odd].sum(1)) == {8}
    assert set(weights[:, ~odd].sum(1)) == {42}


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """AUROC of N(1, 1) against N(0, 1) is Φ(1/√2) = 0.760: in the interval in 90 to 100 of 100 experiments."""
    random = np.random.default_rng(3)
    inside = 0
    for _ in range(100):
        seeds = []
        for _ in range(3):
            odd = np.arange(260) < 60
            scores = random.standard_normal(260) + odd
            seeds.append(measure(scores, odd, resamples(odd, 100, random))[:, 0])
        mean, low, high = over_seeds(seeds, random)
        assert low < mean < high
        inside += low < 0.7602 < high
    assert inside >= 80  # three seeds say little of the spread between seeds: intervals are somewhat too narrow


def test_detectors_find_what_is_far_away() -> None:
    found = detecting.detect(embeddings(anomalies=60, far=4.0), DETECTORS, fit_samples=150, bootstrap=50)
    assert found.detector.values.tolist() == ["−log p", "Mahalanobis", "isolation forest", "nearest"]
    assert found.kind.values.tolist() == ["all", "digit", "colour"]
    assert found.measures.sizes == {"detector": 4, "kind": 3, "measure": 3, "draw": 51}
    auroc = found.measures.sel(measure="auroc")
    assert float(auroc.sel(draw=0).min()) > 0.9
    scores = found.scores.sel(detector="−log p").values
    assert float(auroc.sel(detector="−log p", kind="all")[0]) == pytest.approx(roc_auc_score(found.anomaly > 0, scores))


def test_detectors_are_at_chance_where_nothing_differs() -> None:
    found = detecting.detect(embeddings(anomalies=60, far=0.0), DETECTORS, fit_samples=150, bootstrap=200)
    low, high = np.quantile(found.measures.sel(measure="auroc", kind="all").values[:, 1:], [0.005, 0.995], axis=1)
    assert np.all(low < 0.5)
    assert np.all(high > 0.5)


def test_detectors_give_the_same_scores_again_and_leave_chance_alone() -> None:
    made = embeddings(anomalies=20)
    before = np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    scores = [detecting.detect(made, DETECTORS, fit_samples=100, bootstrap=10).scores for _ in range(2)]
    np.testing.assert_array_equal(*scores)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index, union-attr]


def test_without_anomalies_nothing_is_measured() -> None:
    found = detecting.detect(embeddings(), DETECTORS, fit_samples=100, bootstrap=10)
    assert found.sizes["detector"] == found.sizes["kind"] == 0
    assert learning.learn(embeddings(), Learning()) == []


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"score": "log_probe"}, r"have no 'log_probe'[\s\S]*did you mean 'log_prob'"),
        ({"_target_": "pyod.models.iforest.IForest", "trees": 5}, r"IForest: .*'trees'"),
        ({"_target_": "pyod.models.knn.KNN", "features": "v"}, r"have no 'v'"),
    ],
)
def test_a_detector_that_cannot_be_made(tree: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        detecting.detect(embeddings(anomalies=20), [tree], fit_samples=100, bootstrap=10)


def test_normal_samples_have_to_be_embedded_too() -> None:
    made = embeddings(anomalies=20)
    odd = made.isel(sample=np.flatnonzero(made.split.values == 3))
    with pytest.raises(BadInput, match="normal samples of the split train"):
        detecting.detect(odd, DETECTORS, fit_samples=100, bootstrap=10)


@pytest.fixture(scope="module")
def curves() -> list[dict[str, Any]]:
    params = Learning(
        strategies=("anomalous", "uncertain", "diverse", "random"), initial=6, batch=5, rounds=4, repeats=2
    )
    return learning.learn(embeddings(600, anomalies=40, far=2.5), params)


def test_learning_curves_have_every_round_of_every_strategy(curves: list[dict[str, Any]]) -> None:
    assert len(curves) == 4 * 2 * 5
    for row in curves:
        assert row["labels"] in (6, 11, 16, 21, 26)
        assert 0 <= row["found"] <= row["labels"]
        assert 0 <= row["average_precision"] <= 1
    for repeat in (0, 1):  # all strategies begin with the same labels
        first = [row for row in curves if row["repeat"] == repeat and row["labels"] == 6]
        assert len({(row["auroc"], row["average_precision"], row["found"]) for row in first}) == 1


def test_asking_about_what_looks_anomalous_finds_more_than_chance(curves: list[dict[str, Any]]) -> None:
    last = dict.fromkeys(("anomalous", "random"), 0)
    for row in curves:
        if row["labels"] == 26 and row["strategy"] in last:
            last[row["strategy"]] += row["found"]
    assert last["anomalous"] > last["random"] + 5

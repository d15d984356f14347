"""The tests of embeddings: chance where there is nothing, an effect where there is one, numbers that are known."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge

from quadrat import BadInput
from quadrat_studies.wwdc.statistics import dependence, normality
from quadrat_studies.wwdc.statistics.kernels import out_of_fold
from quadrat_studies.wwdc.statistics.outcome import Outcome, choose, holm, permutation_p
from studies.wwdc.made_embeddings import embeddings

OF_FACTORS = {
    "ridge": partial(dependence.regression, samples=150, permutations=99),
    "kernel ridge": partial(dependence.regression, samples=150, permutations=99, kernel="rbf"),
    "HSIC": partial(dependence.hsic, samples=150, permutations=99),
}
OF_NORMALITY = {
    "energy": partial(normality.energy, samples=150, permutations=99),
    "Kolmogorov–Smirnov": normality.kolmogorov_smirnov,
    "Mahalanobis χ²": normality.mahalanobis,
    "classifier": partial(normality.two_sample, samples=150, permutations=99),
}


def by_target(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {one.target: one for one in outcomes}


@pytest.mark.parametrize("name", OF_FACTORS)
def test_a_factor_in_u_is_found_and_no_other(name: str) -> None:
    found = by_target(OF_FACTORS[name](embeddings(leak=0.8)))
    assert {one.test for one in found.values()} == {name}
    assert list(found) == ["r", "g", "b", "angle", "scale", "label"]
    assert found["b"].p == 0.01
    assert found["b"].effect > 0.15
    # Out of fold, a Gaussian kernel that learns noise does worse than the mean: effects below 0 say nothing.
    assert all(one.effect < 0.05 for target, one in found.items() if target != "b")
    assert {target for target, one in found.items() if one.told} == {"r", "g", "label"}


@pytest.mark.slow
@pytest.mark.parametrize("ask", [*OF_FACTORS.values(), *OF_NORMALITY.values()], ids=[*OF_FACTORS, *OF_NORMALITY])
def test_without_an_effect_p_is_uniform(ask: Any) -> None:
    """Over 25 data sets: neither small nor large p values pile up. A bound that fails once in 10⁵."""
    p = [one.p for seed in range(25) for one in ask(embeddings(seed=seed))[:1]]
    assert stats.ks_1samp(p, stats.uniform.cdf).pvalue > 1e-5
    effects = [one.effect for seed in range(3) for one in ask(embeddings(seed=seed))]
    assert np.mean(effects) < 0.12


@pytest.mark.parametrize("name", OF_NORMALITY)
@pytest.mark.parametrize("change", [lambda u: u * 1.7, lambda u: u + 0.8], ids=["wide", "moved"])
def test_what_is_not_standard_normal_is_told(name: str, change: Any) -> None:
    made = embeddings()
    made["u"] = change(made.u)
    (found,) = OF_NORMALITY[name](made)
    assert (found.test, found.target, found.told) == (name, "standard normal", None)
    assert found.p <= 0.01
    assert found.effect > 0.03


def test_the_energy_distance_is_its_definition() -> None:
    made = embeddings()
    (found,) = normality.energy(made, samples=100, permutations=9)
    u, normal, _ = normality._pair(made, 100, "energy")
    expected = 2 * cdist(u, normal).mean() - cdist(u, u).mean() - cdist(normal, normal).mean()
    assert found.statistic == pytest.approx(expected)
    assert found.effect == pytest.approx(expected / (2 * cdist(u, normal).mean()))


def test_out_of_fold_predictions_are_those_of_fits_without_the_fold() -> None:
    """Against scikit-learn's ridge regression, fold by fold."""
    random = np.random.default_rng(1)
    x, y = random.standard_normal((60, 3)), random.standard_normal((60, 2)) + 5
    hat = out_of_fold(x, "linear", np.random.default_rng(2))
    predicted = hat @ y
    scaled = (x - x.mean(0)) / x.std(0)
    for row in range(len(x)):
        others = hat[row] != 0
        assert 40 < others.sum() < 60
        assert not others[row]
        # The kernel form centres targets only: the same as features centred on the whole, with no own intercept.
        ridge = Ridge(alpha=3, fit_intercept=False).fit(scaled[others], y[others] - y[others].mean(0))
        np.testing.assert_allclose(predicted[row], ridge.predict(scaled[[row]])[0] + y[others].mean(0), rtol=1e-6)


def test_the_accuracy_of_labels_is_scaled_to_chance() -> None:
    made = embeddings()
    made["u"] = made.u.copy(data=np.eye(4)[made.label.values].astype(np.float32) * 5)
    found = by_target(dependence.regression(made, samples=150, permutations=99))["label"]
    assert found.effect == 1
    assert found.measure == "accuracy above chance"


@given(some.lists(some.floats(0, 1), min_size=1, max_size=20))
def test_holm(p: list[float]) -> None:
    """Never below what was given, at most 1, in the same order; and its definition, step by step."""
    corrected = holm(p)
    assert np.all(corrected >= np.array(p) - 1e-15)
    assert np.all(corrected <= 1)
    order = np.argsort(p)
    assert np.all(np.diff(corrected[order]) >= 0)
    steps = [min(1.0, max((len(p) - k) * p[order[k]] for k in range(place + 1))) for place in range(len(p))]
    np.testing.assert_allclose(corrected[order], steps)


def test_a_permutation_p_value_counts_what_was_observed() -> None:
    assert permutation_p(5.0, np.zeros(99)) == 0.01
    assert permutation_p(0.0, np.zeros(99)) == 1


def test_a_test_that_needs_more_samples_than_there_are() -> None:
    with pytest.raises(BadInput, match=r"'hsic' needs 500 samples, but the split 'test' has 200") as told:
        dependence.hsic(embeddings())
    assert "samples: 200 or fewer" in str(told.value)


def test_a_split_that_was_not_embedded() -> None:
    made = embeddings()
    made = made.isel(sample=np.flatnonzero(made.split.values == 0))
    made.attrs["splits"] = ["train"]
    with pytest.raises(BadInput, match=r"samples of the split 'test'[\s\S]*embedded are: train; add test"):
        choose(made, 10, "hsic")

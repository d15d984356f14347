"""Student's t against SciPy."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from quadrat import BadInput
from quadrat.results.student import two_sided


@given(st.integers(1, 3000), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999]))
def test_quantile_is_that_of_scipy(freedom: int, confidence: float) -> None:
    assert math.isclose(two_sided(freedom, confidence), stats.t.ppf((1 + confidence) / 2, freedom), rel_tol=1e-10)


@pytest.mark.parametrize("freedom", [1, 2, 299, 300, 301, 302, 10**5, 10**9])
def test_quantile_where_the_method_changes(freedom: int) -> None:
    assert math.isclose(two_sided(freedom), stats.t.ppf(0.975, freedom), rel_tol=1e-12)


@pytest.mark.parametrize(("freedom", "confidence"), [(0, 0.95), (3, 0.0), (3, 1.0), (3, math.nan)])
def test_what_is_no_interval_is_refused(freedom: int, confidence: float) -> None:
    with pytest.raises(BadInput):
        two_sided(freedom, confidence)

"""Quantiles of Student's t distribution, for intervals of a mean: numpy and Polars have none, SciPy is no dependency.

Source: Abramowitz & Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4 (the exact distribution for
whole degrees of freedom, a finite sum) and 26.7.5 (the expansion around the normal quantile for many).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from quadrat.core.errors import BadInput

# From here on the expansion is exact to 1e-10 or better at 95 %; below it the finite sum is short.
_MANY = 300


@lru_cache(maxsize=4096)
def two_sided(freedom: int, confidence: float = 0.95) -> float:
    """The t for which a Student t variable lies in [-t, t] with this probability.

    Args:
        freedom: degrees of freedom, 1 or more: n - 1 for the mean of n values.
        confidence: between 0 and 1, say 0.95.

    Returns:
        t, to a relative error of 1e-9 or better for a confidence from 0.5 to 0.999.

    Raises:
        BadInput: for no degree of freedom, or a confidence that is no probability between 0 and 1.
    """
    if freedom < 1 or not 0 < confidence < 1:
        raise BadInput(f"no interval of {confidence} with {freedom} degrees of freedom", hint="0 < confidence < 1")
    if freedom > _MANY:
        return _expanded(freedom, NormalDist().inv_cdf((1 + confidence) / 2))
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        if _within(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within(angle: float, freedom: int) -> float:
    """P(|T| < t) for t = sqrt(freedom) tan(angle): 26.7.3 for an odd, 26.7.4 for an even number of degrees."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    if freedom == 1:
        return 2 * angle / math.pi
    term = cosine if odd else 1.0
    total = term
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _expanded(freedom: int, z: float) -> float:
    """26.7.5: the quantile from the normal one, in powers of 1 / freedom."""
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / float(freedom) ** power for power, term in enumerate(terms))

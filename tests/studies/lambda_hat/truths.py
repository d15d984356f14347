"""Losses of four parameters whose local learning coefficient is known exactly; one function: it compiles once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import kv

from quadrat_studies.lambda_hat.estimate import analyse
from quadrat_studies.lambda_hat.problem import Problem
from quadrat_studies.lambda_hat.samplers.lanes import Job
from quadrat_studies.lambda_hat.sampling import SAMPLERS


def polynomial(w: Any, batch: Any) -> Any:
    """Σ_k c_k Π_i w_i^{2 p_ki} with p of 0, 1 or 2; a batch is (c (K,), p (4, K))."""
    import jax.numpy as jnp

    coefficients, powers = batch
    squares = jnp.square(w)[:, None]
    factors = jnp.where(powers == 0, 1.0, jnp.where(powers == 1, squares, jnp.square(squares)))
    return jnp.sum(coefficients * jnp.prod(factors, axis=0))


@dataclass(frozen=True)
class Truth:
    """A case: monomials, temperature, localisation, and λ̂ as it exactly is at that temperature."""

    terms: tuple[tuple[float, tuple[int, int, int, int]], ...]
    heat: float
    gamma: float
    llc: float

    @property
    def problem(self) -> Problem:
        """As samplers see it; there are four terms, some of which are nothing."""
        terms = [*self.terms, *[(0.0, (0, 0, 0, 0))] * (4 - len(self.terms))]
        data = (np.array([c for c, _ in terms]), np.array([p for _, p in terms], float).T)
        return Problem(polynomial, data, np.zeros(4), 4)


ONE = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
_T = 1e4 / math.log(1e4)
_Z = 1 / (8 * _T)

TRUTHS = {
    # d/2 · T/(T + γ)
    "regular": Truth(tuple((0.5, one) for one in ONE), _T, 10.0, 2 * _T / (_T + 10)),
    # 1/(2k) each, at every T
    "w^4": Truth(tuple((1.0, tuple(2 * p for p in one)) for one in ONE), _T, 0.0, 4 * 0.25),
    # ½ + z(1 − K₁(z)/K₀(z)), z = γ²/(8T); the other two parameters add nothing
    "w1^2 w2^2": Truth(((1.0, (1, 1, 0, 0)),), _T, 1.0, 0.5 + _Z * (1 - kv(1, _Z) / kv(0, _Z))),
}


def estimate(problem: Problem, options: Any, heat: float, gamma: float, seed: int = 1, loss0: float = 0.0) -> Any:
    """The analysis of one run."""
    module = SAMPLERS[options.name]
    (chains,) = module.sample(problem, [Job(options, heat, gamma, seed)])
    return analyse(chains, heat, loss0)

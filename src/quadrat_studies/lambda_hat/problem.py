"""What a sampler is given: a loss on data, a minimum w₀, and the tempered local posterior around it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from .network import Network
from .params import Posterior

Batch: TypeAlias = tuple[Array, ...]
Loss: TypeAlias = Callable[[Array, Batch], Array]
"""From parameters (d,) and a batch (arrays (…, m), an example in each column) to the mean loss over the examples."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A trained target as samplers see it.

    Attributes:
        loss: the loss. The same object for targets of one form, since compiled code is kept by it.
        data: all n examples, as the loss takes them.
        w0: the minimum (d,).
        n: how many examples there are.
    """

    loss: Loss
    data: Batch
    w0: Array
    n: int

    @property
    def d(self) -> int:
        """The number of parameters."""
        return int(self.w0.shape[0])


@cache
def network_loss(network: Network, name: str, df: float = 4.0, scale: float = 1.0) -> Loss:
    """The loss of a network on batches (x, y) of shapes (in, m) and (out, m).

    mse: the mean of (f − y)² over examples and outputs. t_regression: the mean of ½(ν + 1)·log1p(r²/(ν s²)), the
    negative log density of Student's t up to a constant, with degrees of freedom ν and scale s of the data's noise.

    Args:
        network: the network's form.
        name: mse or t_regression.
        df: ν.
        scale: s.
    """

    def mse(w: Array, batch: Batch) -> Array:
        x, y = batch
        return jnp.mean(jnp.square(network(w, x) - y))

    def t_regression(w: Array, batch: Batch) -> Array:
        x, y = batch
        return jnp.mean(0.5 * (df + 1) * jnp.log1p(jnp.square(network(w, x) - y) / (df * scale**2)))

    return {"mse": mse, "t_regression": t_regression}[name]


def temper(posterior: Posterior, n: int, d: int) -> tuple[float, float]:
    """β and γ of a posterior on n examples and d parameters."""
    beta = posterior.beta0
    if posterior.beta_mode == "1_over_log_n":
        beta /= math.log(max(3, n))
    if posterior.prior_radius is not None:
        return beta, d / posterior.prior_radius**2
    return beta, posterior.gamma or 0.0


def log_density(loss: Loss, data: Batch, w0: Array, heat: Array, gamma: Array) -> Callable[[Array], Array]:
    """log p(w) = −nβ·L_n(w) − γ/2·‖w − w₀‖² (Lau et al. 2023, arXiv 2308.12108), with heat = nβ."""

    def log_p(w: Array) -> Array:
        return -heat * loss(w, data) - 0.5 * gamma * jnp.sum(jnp.square(w - w0))

    return log_p


def curvature(loss: Loss, data: Batch, w: Array, probes: Array) -> Array:
    """The diagonal of the loss's Hessian at w by Hutchinson's estimate, mean of z ⊙ Hz over probes z (k, d) of ±1."""

    def product(z: Array) -> Array:
        slope: Array = jax.jvp(jax.grad(lambda v: loss(v, data)), (w,), (z,))[1]
        return z * slope

    return jnp.mean(jax.lax.map(product, probes), axis=0)

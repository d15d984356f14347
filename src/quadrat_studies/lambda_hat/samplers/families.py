"""The families that variational inference fits, in coordinates u = (w − w₀)/scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from ..params import VI


class Family(Protocol):
    """A family of densities q.

    Attributes:
        samples: draws of one estimate of the ELBO, each of which takes one gradient of log p.
    """

    samples: int

    def initial(self, key: Array, dtype: Any) -> Any:
        """Parameters to begin with, near the standard normal."""

    def noise(self, key: Array, dtype: Any) -> Any:
        """What one estimate of the ELBO needs of randomness."""

    def elbo(self, form: Any, noise: Any, log_p: Callable[[Array], Array]) -> Array:
        """An estimate of E_q[log p(u) − log q(u)] whose derivative is one of the ELBO's."""

    def draw(self, form: Any, key: Array, dtype: Any) -> tuple[Array, Array]:
        """A draw u (d,) and log q(u)."""


class FactorAnalysers:
    """q = Σ π_m N(0, D^½(I + A_m A_mᵀ)D^½) with M components of rank r; D is common to all."""

    def __init__(self, options: VI, d: int) -> None:
        self.d, self.components, self.rank = d, options.M, min(options.r, d)
        self.samples = options.M

    def initial(self, key: Array, dtype: Any) -> Any:
        """Components that differ a little, so that they can part."""
        factors = 0.1 * jax.random.normal(key, (self.components, self.d, self.rank), dtype) / math.sqrt(self.d)
        return {"logits": jnp.zeros(self.components, dtype), "log_d": jnp.zeros(self.d, dtype), "factors": factors}

    def noise(self, key: Array, dtype: Any) -> Any:
        """Normals for each component: (M, d) and (M, r)."""
        own, factor = jax.random.split(key)
        shape = (self.components, self.d)
        return jax.random.normal(own, shape, dtype), jax.random.normal(factor, (self.components, self.rank), dtype)

    def elbo(self, form: Any, noise: Any, log_p: Callable[[Array], Array]) -> Array:
        """Σ_m π_m (log p(u_m) − log q(u_m)), u_m ~ component m; q's own parameters held fixed inside log q."""
        u = jnp.exp(0.5 * form["log_d"]) * (noise[0] + jnp.einsum("mdr,mr->md", form["factors"], noise[1]))
        fixed = jax.lax.stop_gradient(form)
        gain = jax.vmap(lambda one: log_p(one) - self.log_q(fixed, one))(u)
        return jnp.sum(jax.nn.softmax(form["logits"]) * gain)

    def log_q(self, form: Any, u: Array) -> Array:
        """The log density at u (d,), by Woodbury: no d × d matrix is formed."""
        inner = jnp.eye(self.rank, dtype=u.dtype) + jnp.einsum("mdr,mds->mrs", form["factors"], form["factors"])
        root = jnp.linalg.cholesky(inner)
        plain = jnp.exp(-0.5 * form["log_d"]) * u
        along = jnp.einsum("mdr,d->mr", form["factors"], plain)
        solved = jax.vmap(lambda lower, b: jax.scipy.linalg.solve_triangular(lower, b, lower=True))(root, along)
        square = jnp.sum(jnp.square(plain)) - jnp.sum(jnp.square(solved), axis=1)
        log_det = jnp.sum(form["log_d"]) + 2 * jnp.sum(jnp.log(jnp.diagonal(root, axis1=1, axis2=2)), axis=1)
        each = -0.5 * (square + log_det + self.d * math.log(2 * math.pi))
        return jax.nn.logsumexp(jax.nn.log_softmax(form["logits"]) + each)

    def draw(self, form: Any, key: Array, dtype: Any) -> tuple[Array, Array]:
        """A component by its weight, then a draw of it."""
        pick, own, factor = jax.random.split(key, 3)
        factors = form["factors"][jax.random.categorical(pick, form["logits"])]
        along = factors @ jax.random.normal(factor, (self.rank,), dtype)
        u = jnp.exp(0.5 * form["log_d"]) * (jax.random.normal(own, (self.d,), dtype) + along)
        return u, self.log_q(form, u)


class CouplingFlow:
    """Affine couplings: each layer moves one half of the coordinates by an amount that the other half says."""

    samples = 4

    def __init__(self, options: VI, d: int) -> None:
        self.d, self.layers, self.hidden = d, options.flow_layers, options.flow_hidden
        self.half = d // 2

    def initial(self, key: Array, dtype: Any) -> Any:
        """The identity: the last weights of every conditioner are 0."""
        form: dict[str, Any] = {"shift": jnp.zeros(self.d, dtype), "log_scale": jnp.zeros(self.d, dtype), "layers": []}
        for number in range(self.layers):
            fan_in, out = self._sizes(number)
            weights = jax.random.normal(jax.random.fold_in(key, number), (fan_in, self.hidden), dtype)
            form["layers"].append(
                {
                    "in": weights / math.sqrt(fan_in),
                    "in_bias": jnp.zeros(self.hidden, dtype),
                    "out": jnp.zeros((self.hidden, 2 * out), dtype),
                    "out_bias": jnp.zeros(2 * out, dtype),
                }
            )
        return form

    def noise(self, key: Array, dtype: Any) -> Any:
        """Normals (samples, d)."""
        return jax.random.normal(key, (self.samples, self.d), dtype)

    def elbo(self, form: Any, noise: Any, log_p: Callable[[Array], Array]) -> Array:
        """The mean of log p − log q over draws, differentiated through them and through log q."""

        def gain(z: Array) -> Array:
            u, log_q = self._through(form, z)
            return log_p(u) - log_q

        return jnp.mean(jax.vmap(gain)(noise))

    def draw(self, form: Any, key: Array, dtype: Any) -> tuple[Array, Array]:
        """A standard normal, moved."""
        return self._through(form, jax.random.normal(key, (self.d,), dtype))

    def _through(self, form: Any, z: Array) -> tuple[Array, Array]:
        log_q = -0.5 * (jnp.sum(jnp.square(z)) + self.d * math.log(2 * math.pi))
        for number, layer in enumerate(form["layers"]):
            first, second = (z[: self.half], z[self.half :])
            given, moved = (first, second) if number % 2 == 0 else (second, first)
            out = jnp.tanh(given @ layer["in"] + layer["in_bias"]) @ layer["out"] + layer["out_bias"]
            shift, stretch = jnp.split(out, 2)
            stretch = 2 * jnp.tanh(stretch / 2)  # bounded: no layer can blow up alone
            moved = moved * jnp.exp(stretch) + shift
            log_q -= jnp.sum(stretch)
            z = jnp.concatenate([given, moved] if number % 2 == 0 else [moved, given])
        return z * jnp.exp(form["log_scale"]) + form["shift"], log_q - jnp.sum(form["log_scale"])

    def _sizes(self, number: int) -> tuple[int, int]:
        """How many coordinates a layer reads, and how many it moves."""
        first, second = self.half, self.d - self.half
        return (first, second) if number % 2 == 0 else (second, first)


FAMILIES: dict[str, Callable[[VI, int], Family]] = {"mfa": FactorAnalysers, "flow": CouplingFlow}

"""Empirical risk minimisation: train a student to a minimum w₀."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from quadrat import QuadratError

from .params import Training
from .problem import Batch, Loss
from .runtime import compiler_options


@dataclass(frozen=True)
class Minimum:
    """Where training ended.

    Attributes:
        w0: the parameters (d,).
        loss: L₀ = L_n(w₀).
        grad_norm: ‖∇L_n(w₀)‖.
        steps: how many steps were taken.
    """

    w0: Array
    loss: float
    grad_norm: float
    steps: int


def train(loss: Loss, data: Batch, start: Array, training: Training) -> Minimum:
    """Minimise the loss on all data at each step, until the gradient's norm is below `early_stop_tol`.

    Of all steps the parameters with the smallest gradient within the last tenth, or at the stop, count.

    Raises:
        QuadratError: the loss became NaN or infinite, or the gradient's norm in the end is above `grad_tol`.
    """
    options = compiler_options(data[0].shape[-1], start.size)
    found, value, norm, steps = _compiled(options is not None)(loss, _Static(training), data, start)
    minimum = Minimum(found, float(value), float(norm), int(steps))
    if not (math.isfinite(minimum.loss) and math.isfinite(minimum.grad_norm)):
        raise QuadratError(
            f"training diverged: the loss is {minimum.loss} after {minimum.steps:,} steps",
            hint=f"a training.learning_rate below {training.learning_rate:g}",
        )
    if minimum.grad_norm > training.grad_tol:
        raise QuadratError(
            f"training did not converge: the gradient at w₀ has norm {minimum.grad_norm:.3g} after {minimum.steps:,} "
            f"steps (L₀ = {minimum.loss:.6g}), more than training.grad_tol = {training.grad_tol:g}, "
            "so that w₀ is no minimum and λ̂ would mean nothing",
            hint="more training.steps, another training.learning_rate, or a larger training.grad_tol",
        )
    return minimum


@dataclass(frozen=True)
class _Static:
    """The training as something to keep compiled code by."""

    training: Training

    def optimizer(self, dtype: Any) -> optax.GradientTransformation:
        training = self.training
        rate = training.learning_rate
        schedule = optax.cosine_decay_schedule(rate, training.steps) if training.schedule == "cosine" else rate
        if training.optimizer == "sgd":
            return optax.sgd(schedule)
        if training.optimizer == "adamw":
            return optax.adamw(schedule, weight_decay=training.weight_decay)
        return optax.adam(schedule)


@lru_cache(maxsize=2)
def _compiled(is_tiny: bool) -> Any:
    options = compiler_options(1, 1) if is_tiny else None
    return jax.jit(_minimise, static_argnums=(0, 1), compiler_options=options)


def _minimise(loss: Loss, static: _Static, data: Batch, start: Array) -> tuple[Array, Array, Array, Array]:
    training = static.training
    optimizer = static.optimizer(start.dtype)
    slope = jax.value_and_grad(lambda w: loss(w, data))

    def norm_of(gradient: Array) -> Array:
        return jnp.sqrt(jnp.sum(jnp.square(gradient)))

    def goes_on(carry: Any) -> Array:
        step, _, _, _, norm, _ = carry
        # A NaN ends it too: no comparison with it holds.
        more: Array = (step < training.steps) & (norm > training.early_stop_tol)
        return more

    def one(carry: Any) -> Any:
        step, w, state, (value, gradient), norm, best = carry
        updates, state = optimizer.update(gradient, state, w)
        w = optax.apply_updates(w, updates)
        value, gradient = slope(w)
        norm = norm_of(gradient)
        late = step >= (9 * training.steps) // 10
        better = late & (norm < best[2]) | (norm <= training.early_stop_tol) | ~jnp.isfinite(norm)
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), (w, value, norm), best)
        return step + 1, w, state, (value, gradient), norm, best

    first = slope(start)
    norm = norm_of(first[1])
    best = (start, first[0], jnp.where(norm <= training.early_stop_tol, norm, jnp.inf))
    carry = (jnp.asarray(0), start, optimizer.init(start), first, norm, best)
    step, _, _, _, _, (w, value, norm) = jax.lax.while_loop(goes_on, one, carry)
    return w, value, norm, step

"""Stochastic gradient Langevin dynamics, plain and preconditioned (Hitchcock and Hoogland 2025, arXiv 2507.21449).

One step moves by Δw = −(εP/2)(γ(w − w₀) + nβ·g) + √(εP)·ξ, with g the gradient of the loss on a minibatch, or its
running mean (adam), and P = 1 (none), or 1/(√v̂ + eps) of the running mean v of g² (rmsprop, adam). m₀ = 0, v₀ = 1. The
preconditioner's own derivative is left out, as there.

Bias: on a quadratic with curvature a = nβh + γ along an axis, P = 1 and full batches, the variance comes out as
1/(a(1 − εa/4)) in place of 1/a; on a minibatch the variance of the gradient adds to the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..params import SGLD
from ..problem import Problem
from ..shapes import sgld_draws
from .lanes import Chains, Job, Lanes, plain_form, width_for

VARIES = ("seed", "step_size")
"""The options in which runs of one call may differ."""


def width(problem: Problem, options: SGLD) -> int:
    """How many runs a call takes."""
    return width_for(problem, options.chains, 1)


def sample(problem: Problem, jobs: Sequence[Job]) -> list[Chains]:
    """Sample by SGLD, all chains of all jobs side by side.

    Args:
        problem: the target.
        jobs: `width` runs at most, which agree in all options but `VARIES`.
    """
    options = jobs[0].options
    lanes = Lanes(problem, jobs, width(problem, options), jnp.dtype(options.dtype), plain_form(options, VARIES))
    batch = min(options.batch_size or problem.n, problem.n)
    drawn, seconds = lanes.run(
        "draw", _drawn(problem, options, batch), lanes.heat, lanes.gamma, lanes.option("step_size")
    )
    per_draw = options.eval_every * batch / problem.n
    draws = sgld_draws(options)
    found = []
    for everything in lanes.by_job(drawn):
        mine = {name: value[:, -draws:] for name, value in everything.items()}
        whole = everything["loss"].shape[1]
        loss = mine["loss"].astype(float)
        found.append(
            Chains(
                loss=loss,
                energy=mine["energy"].astype(float),
                diverging=np.zeros(loss.shape, bool),
                fge=np.broadcast_to(per_draw * np.arange(1, draws + 1), loss.shape),
                fge_warmup=options.chains * (whole - draws) * per_draw,
                stats={"distance": mine["distance"].astype(float)},
                params=mine.get("params"),
                seconds=seconds * draws / whole / len(jobs),
                warmup_seconds=seconds * (whole - draws) / whole / len(jobs),
                compile_seconds=lanes.compile_seconds / len(jobs),
            )
        )
    return found


def _drawn(problem: Problem, options: SGLD, batch: int) -> Callable[..., Any]:
    """L_n on all data after every `eval_every` steps, those of warm-up too: one piece of code to compile."""

    def draw(data: Any, w0: Array, key: Array, heat: Array, gamma: Array, step_size: Array) -> Any:
        move = _moves(problem, options, batch, data, w0, heat, gamma, step_size)

        def one(state: Any, key: Array) -> Any:
            state = move(state, key, options.eval_every)
            loss = problem.loss(state[0], data)
            away = jnp.sum(jnp.square(state[0] - w0))
            kept = {"loss": loss, "energy": heat * loss + 0.5 * gamma * away, "distance": jnp.sqrt(away)}
            return state, kept | ({"params": state[0]} if options.keep_params else {})

        start = (w0, jnp.zeros_like(w0), jnp.ones_like(w0), jnp.asarray(0, jnp.int32))
        return jax.lax.scan(one, start, jax.random.split(key, options.steps // options.eval_every))[1]

    return draw


def _moves(
    problem: Problem,
    options: SGLD,
    batch: int,
    data: Any,
    w0: Array,
    heat: Array,
    gamma: Array,
    step_size: Array,
) -> Callable[[Any, Array, int], Any]:
    """A function that takes a state some steps on. The randomness of these steps is drawn at once, which is faster."""
    slope = jax.grad(problem.loss)
    is_full = options.batch_size is None or options.batch_size >= problem.n
    beta1, beta2 = options.beta1, options.beta2

    def step(state: Any, drawn: Any) -> Any:
        w, first, second, done = state
        noise, chosen = drawn
        some = data if is_full else jax.tree.map(lambda one: jnp.take(one, chosen, axis=-1), data)
        gradient = slope(w, some)
        drift, scale, done = gradient, jnp.ones_like(w), done + 1
        if options.precond != "none":
            second = beta2 * second + (1 - beta2) * jnp.square(gradient)
            corrected = second / (1 - beta2**done) if options.bias_correction else second
            scale = 1 / (jnp.sqrt(corrected) + options.eps)
        if options.precond == "adam":
            first = beta1 * first + (1 - beta1) * gradient
            drift = first / (1 - beta1**done) if options.bias_correction else first
        scale = step_size * scale
        w = w - 0.5 * scale * (gamma * (w - w0) + heat * drift) + jnp.sqrt(scale) * noise
        return (w, first, second, done), None

    def move(state: Any, key: Array, steps: int) -> Any:
        noise_key, batch_key = jax.random.split(key)
        noise = jax.random.normal(noise_key, (steps, *w0.shape), w0.dtype)
        chosen = None if is_full else jax.random.randint(batch_key, (steps, batch), 0, problem.n, jnp.int32)
        return jax.lax.scan(step, state, (noise, chosen))[0]

    return move


def stationary_llc(curvature: Sequence[float], heat: float, gamma: float, step_size: float) -> float:
    """λ̂ that plain full-batch SGLD tends to on a quadratic loss ½·Σ h_i w_i², its bias of the step size included.

    Args:
        curvature: the h_i.
        heat: nβ.
        gamma: γ.
        step_size: ε.
    """
    total = 0.0
    for one in curvature:
        stiff = heat * one + gamma
        total += 0.5 * heat * one / (stiff * (1 - step_size * stiff / 4)) if step_size * stiff < 4 else math.inf
    return total

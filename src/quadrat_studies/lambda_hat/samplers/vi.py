"""Variational inference: fit q to the local posterior by ascending the ELBO, E_q[log p − log q], then draw from q.

Two families. `mfa`, a mixture of factor analysers around w₀: q = Σ π_m N(w₀, Σ_m), Σ_m = D^½(I + A_m A_mᵀ)D^½, of rank
r; densities by Woodbury's identity, gradients that stick the landing (Roeder et al. 2017, arXiv 1703.09194), and the
mixture summed over its components in place of drawn (Rao-Blackwell). `flow`: affine couplings (Dinh et al. 2017,
arXiv 1605.08803) on a diagonal Gaussian around w₀.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from quadrat import BadInput

from ..params import VI
from ..problem import Problem, curvature
from .families import FAMILIES, Family
from .lanes import Chains, Job, Lanes, plain_form, width_for

VARIES = ("seed",)
"""The options in which runs of one call may differ (γ and β come with the posterior)."""

_PROBES, _TRIED, _HALVINGS = 32, 8, 24


def width(problem: Problem, options: VI) -> int:
    """How many runs a call takes."""
    return width_for(problem, options.M, 1)


def sample(problem: Problem, jobs: Sequence[Job]) -> list[Chains]:
    """Fit q and draw from it, all jobs side by side.

    Args:
        problem: the target.
        jobs: `width` runs at most, which agree in all options but `VARIES`.

    Raises:
        BadInput: a flow on a single parameter.
    """
    options = jobs[0].options
    if options.algo == "flow" and problem.d < 2:
        raise BadInput("a coupling flow needs two parameters or more", where="sampler.algo", hint="use algo: mfa")
    family = FAMILIES[options.algo](options, problem.d)
    lanes = Lanes(problem, jobs, width(problem, options), jnp.dtype(options.dtype), plain_form(options, VARIES))
    shared = (lanes.heat, lanes.gamma)
    batch = min(options.batch_size or problem.n, problem.n)
    fitted, warmup_seconds = lanes.run("fit", _fitted(problem, options, family, batch), *shared)
    form, scale, elbos = fitted
    drawn, seconds = lanes.run("draw", _drawn(problem, options, family), *shared, form, scale)
    gradients = family.samples * batch / problem.n
    found = []
    for mine, curve in zip(lanes.by_job(drawn), lanes.by_job(elbos), strict=True):
        loss = mine["loss"].astype(float)
        marks = np.arange(1, curve.shape[1] + 1) * gradients * options.steps / max(1, curve.shape[1])
        found.append(
            Chains(
                loss=loss,
                energy=mine["energy"].astype(float),
                diverging=np.zeros(loss.shape, bool),
                fge=np.full(loss.shape, gradients * options.steps),
                fge_warmup=2.0 * _PROBES if options.use_whitening else 0.0,
                stats={"log_q": mine["log_q"].astype(float)},
                params=mine.get("params"),
                curve={"elbo": curve[0].astype(float), "fge": marks},
                seconds=seconds / len(jobs),
                warmup_seconds=warmup_seconds / len(jobs),
                compile_seconds=lanes.compile_seconds / len(jobs),
            )
        )
    return found


def _fitted(problem: Problem, options: VI, family: Family, batch: int) -> Callable[..., Any]:
    """q's parameters, the scales that they are relative to, and the mean ELBO of every `eval_every` steps."""
    is_full = options.batch_size is None or options.batch_size >= problem.n
    optimizer = optax.adam(optax.cosine_decay_schedule(options.lr, options.steps))
    every = min(options.eval_every, options.steps)

    def fit(data: Any, w0: Array, key: Array, heat: Array, gamma: Array) -> Any:
        scale_key, init_key, steps_key = jax.random.split(jax.random.fold_in(key, 0), 3)
        scale = _scales(problem, options, data, w0, scale_key, heat, gamma)
        form = family.initial(init_key, w0.dtype)

        def elbo(form: Any, drawn: Any, some: Any) -> Array:
            def log_p(u: Array) -> Array:
                w = w0 + scale * u
                return -heat * problem.loss(w, some) - 0.5 * gamma * jnp.sum(jnp.square(w - w0))

            return family.elbo(form, drawn, log_p)

        def step(carry: Any, key: Array) -> Any:
            form, state = carry
            draw_key, batch_key = jax.random.split(key)
            some = data
            if not is_full:
                chosen = jax.random.randint(batch_key, (batch,), 0, problem.n, jnp.int32)
                some = jax.tree.map(lambda one: jnp.take(one, chosen, axis=-1), data)
            value, slope = jax.value_and_grad(elbo)(form, family.noise(draw_key, w0.dtype), some)
            # Optimisers descend: the slope is turned round, so that the ELBO is ascended.
            updates, state = optimizer.update(jax.tree.map(jnp.negative, slope), state, form)
            return (optax.apply_updates(form, updates), state), value

        def stretch(carry: Any, key: Array) -> Any:
            carry, values = jax.lax.scan(step, carry, jax.random.split(key, every))
            return carry, values.mean()

        stretches, rest = divmod(options.steps, every)
        carry, elbos = jax.lax.scan(stretch, (form, optimizer.init(form)), jax.random.split(steps_key, stretches))
        if rest:
            carry, _ = jax.lax.scan(step, carry, jax.random.split(jax.random.fold_in(steps_key, 1), rest))
        return carry[0], scale, elbos

    return fit


def _scales(problem: Problem, options: VI, data: Any, w0: Array, key: Array, heat: Array, gamma: Array) -> Array:
    """The scale of each parameter that q is relative to (d,).

    It is 1/√(γ + nβ·h), with h the curvature at w₀, times the power of ½ for which a normal of that scale has the
    largest ELBO: near a singular minimum the curvature says little about where the loss begins to rise.
    """
    if not options.use_whitening:
        return jnp.ones_like(w0)
    probe_key, draw_key = jax.random.split(key)
    probes = jax.random.rademacher(probe_key, (_PROBES, *w0.shape), w0.dtype)
    stiff = heat * jnp.maximum(curvature(problem.loss, data, w0, probes), 0) + gamma
    scale = jax.lax.rsqrt(jnp.maximum(stiff, 1e-6 * jnp.maximum(stiff.max(), 1.0)))
    normals = jax.random.normal(draw_key, (_TRIED, *w0.shape), w0.dtype)
    halvings = jnp.arange(_HALVINGS, dtype=w0.dtype)

    def elbo(halving: Array) -> Array:
        def energy(z: Array) -> Array:
            away = scale * z * 2.0**-halving
            return heat * problem.loss(w0 + away, data) + 0.5 * gamma * jnp.sum(jnp.square(away))

        return -jnp.mean(jax.lax.map(energy, normals)) - halving * w0.shape[0] * math.log(2)

    best: Array = scale * 2.0 ** -halvings[jnp.argmax(jax.lax.map(elbo, halvings))]
    return best


def _drawn(problem: Problem, options: VI, family: Family) -> Callable[..., Any]:
    """Draws of q, with L_n on all data."""

    def draw(data: Any, w0: Array, key: Array, heat: Array, gamma: Array, form: Any, scale: Array) -> Any:
        def one(key: Array) -> Any:
            u, log_q = family.draw(form, key, w0.dtype)
            w = w0 + scale * u
            loss = problem.loss(w, data)
            energy = heat * loss + 0.5 * gamma * jnp.sum(jnp.square(w - w0))
            kept = {"loss": loss, "energy": energy, "log_q": log_q - jnp.sum(jnp.log(scale))}
            return kept | ({"params": w} if options.keep_params else {})

        return jax.lax.map(one, jax.random.split(jax.random.fold_in(key, 1), options.eval_samples))

    return draw

"""Microcanonical Langevin Monte Carlo with BlackJAX's tuning of L and step size; unadjusted, or adjusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from quadrat import BadInput

from ..params import MCLMC
from ..problem import Problem, log_density
from .lanes import Chains, Job, Lanes, plain_form, width_for

VARIES = ("seed", "step_size", "L")
"""The options in which runs of one call may differ."""

GRADIENTS = {"isokinetic_velocity_verlet": 1, "isokinetic_mclachlan": 2, "isokinetic_yoshida": 3}
"""Gradients of one step of each integrator."""


def width(problem: Problem, options: MCLMC) -> int:
    """How many runs a call takes."""
    return width_for(problem, options.chains, 1)


def sample(problem: Problem, jobs: Sequence[Job]) -> list[Chains]:
    """Sample by MCLMC, all chains of all jobs side by side.

    A draw of the unadjusted sampler is `thinning` steps of the dynamics; steps that came out as NaN are undone, and
    their draw counts as divergent. A draw of the adjusted one is a trajectory.

    Args:
        problem: the target.
        jobs: `width` runs at most, which agree in all options but `VARIES`.

    Raises:
        BadInput: the target has a single parameter.
    """
    options = jobs[0].options
    if problem.d < 2:
        raise BadInput("MCLMC moves on a sphere of velocities, which one parameter has not", hint="use hmc or nuts")
    lanes = Lanes(problem, jobs, width(problem, options), jnp.float64, plain_form(options, VARIES))
    shared = (lanes.heat, lanes.gamma)
    tune, draw = (_tuned_adjusted, _drawn_adjusted) if options.adjusted else (_tuned, _drawn)
    tuned, warmup_seconds = lanes.run(
        "tune", tune(problem, options), *shared, lanes.option("L"), lanes.option("step_size")
    )
    state, params, spent = tuned
    drawn, seconds = lanes.run("draw", draw(problem, options), *shared, state, params)
    gradients = GRADIENTS[options.integrator]
    found = []
    for mine, chosen, count in zip(lanes.by_job(drawn), lanes.by_job(params), lanes.by_job(spent), strict=True):
        shape = mine["loss"].shape
        stats = {"L": np.broadcast_to(chosen.L[:, None], shape)}
        stats["step_size"] = np.broadcast_to(chosen.step_size[:, None], shape)
        stats |= {name: mine[name].astype(float) for name in ("n_steps", "acceptance_rate") if name in mine}
        found.append(
            Chains(
                loss=mine["loss"],
                energy=mine["energy"],
                diverging=mine["diverging"],
                fge=gradients * np.cumsum(mine["n_steps"], axis=1, dtype=float),
                fge_warmup=float((1 + gradients * count).sum()),
                stats=stats,
                params=mine.get("params"),
                seconds=seconds / len(jobs),
                warmup_seconds=warmup_seconds / len(jobs),
                compile_seconds=lanes.compile_seconds / len(jobs),
            )
        )
    return found


def _integrator(options: MCLMC) -> Any:
    from blackjax.mcmc import integrators

    return getattr(integrators, options.integrator)


def _start(w0: Array, length: Array, step_size: Array, options: MCLMC) -> Any:
    """Where tuning begins: BlackJAX's own guess, or what is given where nothing is tuned."""
    from blackjax.adaptation.mclmc_adaptation import MCLMCAdaptationState

    if options.tune:
        length = jnp.sqrt(jnp.asarray(float(w0.shape[0])))
        step_size = length * (0.2 if options.adjusted else 0.25)
    return MCLMCAdaptationState(length, step_size, jnp.ones_like(w0))


def _tuned(problem: Problem, options: MCLMC) -> Callable[..., Any]:
    """Tune one chain: its state, parameters (L, step size, metric) and steps spent."""
    import blackjax

    kernel = blackjax.mclmc.build_kernel(integrator=_integrator(options))

    def tune(data: Any, w0: Array, key: Array, heat: Array, gamma: Array, length: Array, step_size: Array) -> Any:
        log_p = log_density(problem.loss, data, w0, heat, gamma)
        init_key, tune_key = jax.random.split(jax.random.fold_in(key, 0))
        state = blackjax.mclmc.init(w0, log_p, init_key)
        params = _start(w0, length, step_size, options)
        if not options.tune or not options.num_steps:
            return state, params, jnp.asarray(0)
        state, params, spent = blackjax.mclmc_find_L_and_step_size(
            mclmc_kernel=kernel,
            num_steps=options.num_steps,
            state=state,
            rng_key=tune_key,
            logdensity_fn=log_p,
            frac_tune1=options.frac_tune1,
            frac_tune2=options.frac_tune2,
            frac_tune3=options.frac_tune3,
            desired_energy_var=options.desired_energy_var,
            trust_in_estimate=options.trust_in_estimate,
            num_effective_samples=options.num_effective_samples,
            diagonal_preconditioning=options.diagonal_preconditioning,
            params=params,
        )
        return state, params, jnp.asarray(spent)

    return tune


def _drawn(problem: Problem, options: MCLMC) -> Callable[..., Any]:
    """Draw from one tuned chain of the unadjusted sampler."""
    import blackjax

    kernel = blackjax.mclmc.build_kernel(integrator=_integrator(options))

    def draw(data: Any, w0: Array, key: Array, heat: Array, gamma: Array, state: Any, params: Any) -> Any:
        log_p = log_density(problem.loss, data, w0, heat, gamma)

        def one(state: Any, key: Array) -> Any:
            def step(state: Any, key: Array) -> Any:
                state, info = kernel(key, state, log_p, params.inverse_mass_matrix, params.L, params.step_size)
                return state, ~info.nonans

            state, failed = jax.lax.scan(step, state, jax.random.split(key, options.thinning))
            kept = _kept(state, w0, heat, gamma, options)
            return state, kept | {"diverging": failed.any(), "n_steps": jnp.asarray(options.thinning)}

        return jax.lax.scan(one, state, jax.random.split(jax.random.fold_in(key, 1), options.draws))[1]

    return draw


def _adjusted_kernel(options: MCLMC) -> Callable[..., Any]:
    import blackjax
    from blackjax.mcmc.adjusted_mclmc_dynamic import make_random_trajectory_length_fn

    kernel = blackjax.adjusted_mclmc_dynamic.build_kernel(
        integration_steps_fn=make_random_trajectory_length_fn(True), integrator=_integrator(options)
    )

    def adjusted(
        rng_key: Array,
        state: Any,
        logdensity_fn: Any,
        step_size: Array,
        inverse_mass_matrix: Array,
        integration_steps_params: tuple[Any, ...],
    ) -> Any:
        return kernel(
            rng_key,
            state,
            logdensity_fn,
            step_size,
            inverse_mass_matrix=inverse_mass_matrix,
            integration_steps_params=integration_steps_params,
        )

    return adjusted


def _tuned_adjusted(problem: Problem, options: MCLMC) -> Callable[..., Any]:
    """The same for the adjusted sampler."""
    import blackjax

    kernel = _adjusted_kernel(options)

    def tune(data: Any, w0: Array, key: Array, heat: Array, gamma: Array, length: Array, step_size: Array) -> Any:
        log_p = log_density(problem.loss, data, w0, heat, gamma)
        init_key, tune_key = jax.random.split(jax.random.fold_in(key, 0))
        state = blackjax.adjusted_mclmc_dynamic.init(w0, log_p, init_key)
        params = _start(w0, length, step_size, options)
        if not options.tune or not options.num_steps:
            return state, params, jnp.asarray(0)
        state, params, spent = blackjax.adjusted_mclmc_find_L_and_step_size(
            mclmc_kernel=kernel,
            logdensity_fn=log_p,
            num_steps=options.num_steps,
            state=state,
            rng_key=tune_key,
            target=options.target_acceptance,
            frac_tune1=options.frac_tune1,
            frac_tune2=options.frac_tune2,
            frac_tune3=0.0,  # its estimate of L is thrown away: L is the number of steps times their size in the end
            diagonal_preconditioning=options.diagonal_preconditioning,
            params=params,
            target_num_integration_steps=options.num_integration_steps,
        )
        return state, params, jnp.asarray(spent)

    return tune


def _drawn_adjusted(problem: Problem, options: MCLMC) -> Callable[..., Any]:
    """Draw from one tuned chain of the adjusted sampler."""
    kernel = _adjusted_kernel(options)

    def draw(data: Any, w0: Array, key: Array, heat: Array, gamma: Array, state: Any, params: Any) -> Any:
        log_p = log_density(problem.loss, data, w0, heat, gamma)
        mean_steps = params.L / params.step_size

        def one(state: Any, key: Array) -> Any:
            state, info = kernel(key, state, log_p, params.step_size, params.inverse_mass_matrix, (mean_steps,))
            kept = _kept(state, w0, heat, gamma, options)
            kept |= {"diverging": info.is_divergent, "acceptance_rate": info.acceptance_rate}
            return state, kept | {"n_steps": info.num_integration_steps}

        return jax.lax.scan(one, state, jax.random.split(jax.random.fold_in(key, 1), options.draws))[1]

    return draw


def _kept(state: Any, w0: Array, heat: Array, gamma: Array, options: MCLMC) -> dict[str, Array]:
    away = 0.5 * gamma * jnp.sum(jnp.square(state.position - w0))
    kept = {"loss": (-state.logdensity - away) / heat, "energy": -state.logdensity}
    return kept | ({"params": state.position} if options.keep_params else {})

"""HMC with trajectories of varied length, and NUTS: BlackJAX's kernels and its window adaptation, over lanes.

BlackJAX is imported inside functions, here and elsewhere: its import starts JAX's threads, and workers are forked from
a process that has imported this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..params import HMC, NUTS
from ..problem import Problem, log_density
from .lanes import Chains, Job, Lanes, plain_form, width_for

VARIES = ("seed", "step_size")
"""The options in which runs of one call may differ."""


def width(problem: Problem, options: HMC | NUTS) -> int:
    """How many runs a call takes. NUTS on a CPU takes one: side by side all wait for the deepest tree."""
    return width_for(problem, options.chains, 4 if isinstance(options, HMC) else 1)


def sample(problem: Problem, jobs: Sequence[Job]) -> list[Chains]:
    """Sample by HMC or NUTS, all chains of all jobs side by side.

    Args:
        problem: the target.
        jobs: `width` runs at most, which agree in all options but `VARIES`.
    """
    options = jobs[0].options
    lanes = Lanes(problem, jobs, width(problem, options), jnp.float64, plain_form(options, VARIES))
    shared = (lanes.heat, lanes.gamma)
    warm, warm_seconds = lanes.run("warm", _warmed(problem, options), *shared, lanes.option("step_size"))
    state, step, metric, spent = warm
    drawn, seconds = lanes.run("draw", _drawn(problem, options), *shared, state, step, metric)
    found = []
    for mine, sizes, count in zip(lanes.by_job(drawn), lanes.by_job(step), lanes.by_job(spent), strict=True):
        steps = mine["n_steps"].astype(float)
        found.append(
            Chains(
                loss=mine["loss"],
                energy=mine["energy"],
                diverging=mine["diverging"],
                fge=np.cumsum(steps, axis=1),
                fge_warmup=float(count.sum()),
                stats={
                    "acceptance_rate": mine["acceptance_rate"],
                    "n_steps": steps,
                    "step_size": np.broadcast_to(sizes[:, None], steps.shape),
                },
                params=mine.get("params"),
                seconds=seconds / len(jobs),
                warmup_seconds=warm_seconds / len(jobs),
                compile_seconds=lanes.compile_seconds / len(jobs),
            )
        )
    return found


@dataclass(frozen=True)
class _Algorithm:
    """A kernel in the form that window adaptation wants: `init` and `build_kernel`."""

    options: HMC | NUTS

    def init(self, position: Array, log_p: Callable[[Array], Array]) -> Any:
        import blackjax

        return blackjax.hmc.init(position, log_p)

    def build_kernel(self) -> Callable[..., Any]:
        import blackjax

        options = self.options
        if isinstance(options, NUTS):
            nuts = blackjax.nuts.build_kernel()
            return lambda key, state, log_p, step, metric: nuts(key, state, log_p, step, metric, options.max_doublings)
        hmc = blackjax.hmc.build_kernel()
        return lambda key, state, log_p, step, metric, length=options.num_integration_steps: hmc(
            key, state, log_p, step, metric, length
        )


def _lengths(options: HMC | NUTS, draws: int) -> Array | None:
    """Leapfrog steps of each draw of HMC: evenly spread over 1 … 2·mean − 1 by the van der Corput sequence.

    All lanes take the same length at a draw, since side by side they wait for the longest; which lengths a chain takes
    does not depend on where it is, so that the chain stays exact.
    """
    from blackjax.mcmc.dynamic_hmc import halton_sequence

    if isinstance(options, NUTS):
        return None
    if not options.jitter:
        return jnp.full(draws, options.num_integration_steps)
    spread = jax.vmap(lambda number: halton_sequence(number, 20))(jnp.arange(draws))
    return 1 + jnp.floor(spread * (2 * options.num_integration_steps - 1)).astype(int)


def _warmed(problem: Problem, options: HMC | NUTS) -> Callable[..., Any]:
    """Adapt one chain: its state, step size, diagonal of the inverse mass matrix, and gradients spent."""
    import blackjax
    from blackjax.adaptation.base import get_filter_adapt_info_fn

    algorithm = _Algorithm(options)

    def warm(data: Any, w0: Array, key: Array, heat: Array, gamma: Array, step_size: Array) -> Any:
        log_p = log_density(problem.loss, data, w0, heat, gamma)
        metric = jnp.ones_like(w0)
        key = jax.random.fold_in(key, 0)
        if not options.warmup:
            return algorithm.init(w0, log_p), step_size, metric, jnp.asarray(1)
        if not (options.adapt_step_size or options.adapt_mass_matrix):
            move = _moves(options, log_p, step_size, metric, lambda *met: met[-1].num_integration_steps)
            state, counts = _scanned(move, algorithm.init(w0, log_p), key, options, options.warmup)
            return state, step_size, metric, 1 + counts.sum()
        warmup = blackjax.window_adaptation(
            algorithm,
            log_p,
            initial_step_size=step_size,
            target_acceptance_rate=options.target_acceptance,
            adaptation_info_fn=get_filter_adapt_info_fn(info_keys={"num_integration_steps"}),
        )
        (state, found), info = warmup.run(key, w0, options.warmup)
        if options.adapt_step_size:
            step_size = found["step_size"]
        if options.adapt_mass_matrix:
            metric = found["inverse_mass_matrix"]
        return state, step_size, metric, 1 + info.info.num_integration_steps.sum()

    return warm


def _drawn(problem: Problem, options: HMC | NUTS) -> Callable[..., Any]:
    """Draw from one adapted chain."""

    def draw(
        data: Any, w0: Array, key: Array, heat: Array, gamma: Array, state: Any, step: Array, metric: Array
    ) -> Any:
        log_p = log_density(problem.loss, data, w0, heat, gamma)

        def kept(before: Any, state: Any, info: Any) -> dict[str, Array]:
            away = 0.5 * gamma * jnp.sum(jnp.square(state.position - w0))
            energy = info.energy
            if isinstance(options, HMC):  # of a proposal; one that is rejected, a divergent one say, is no draw's
                stayed = -before.logdensity + 0.5 * jnp.sum(metric * jnp.square(info.momentum))
                energy = jnp.where(info.is_accepted, energy, stayed)
            values = {
                "loss": (-state.logdensity - away) / heat,
                "energy": energy,
                "diverging": info.is_divergent,
                "n_steps": info.num_integration_steps,
                "acceptance_rate": info.acceptance_rate,
            }
            return values | ({"params": state.position} if options.keep_params else {})

        move = _moves(options, log_p, step, metric, kept)
        return _scanned(move, state, jax.random.fold_in(key, 1), options, options.draws)[1]

    return draw


def _moves(
    options: HMC | NUTS, log_p: Callable[[Array], Array], step: Array, metric: Array, kept: Callable[..., Any]
) -> Callable[..., Any]:
    kernel = _Algorithm(options).build_kernel()

    def move(state: Any, key_and_length: tuple[Array, Array | None]) -> tuple[Any, Any]:
        key, length = key_and_length
        more = () if length is None else (length,)
        after, info = kernel(key, state, log_p, step, metric, *more)
        return after, kept(state, after, info)

    return move


def _scanned(move: Callable[..., Any], state: Any, key: Array, options: HMC | NUTS, draws: int) -> Any:
    return jax.lax.scan(move, state, (jax.random.split(key, draws), _lengths(options, draws)))

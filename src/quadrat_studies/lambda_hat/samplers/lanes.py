"""What all samplers share: several runs of one form side by side, compiled once, and what comes out of them.

A lane is one chain of one run. All lanes of a call lie along one axis, and nothing is computed across them. XLA chooses
kernels, and with them roundings, by the number of lanes; chaotic dynamics make another number of it. So a call always
has the same number of lanes, for a problem and its options: `width` runs, empty places filled with copies of the last
one. A run then gives the same bits alone and among others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ..params import Sampler
from ..problem import Problem
from ..runtime import compiler_options, is_tiny

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Job:
    """One run: its options, its temperature, its randomness.

    Attributes:
        options: the sampler's options. The jobs of one call agree in all but those that the sampler lets vary.
        heat: nβ.
        gamma: γ.
        seed: what everything random in the run comes from.
    """

    options: Any
    heat: float
    gamma: float
    seed: int


@dataclass
class Chains:
    """What came out of one run: arrays (chains, draws).

    Attributes:
        loss: L_n of each draw.
        energy: the potential nβ·L_n + γ/2·‖w − w₀‖², or the Hamiltonian where the sampler has one.
        diverging: which draws diverged.
        fge: gradients on all data, or as much work on minibatches, that the chain has spent up to each draw, without
            those of warm-up.
        fge_warmup: those of warm-up (adaptation, tuning, burn-in), of all chains together.
        stats: further statistics of the sampler, (chains, draws).
        params: parameters (chains, draws, d) where they are kept.
        curve: for optimised samplers, their objective and their cost, by name (steps,).
        seconds, warmup_seconds, compile_seconds: of this run; where several shared a call, its share of it.
    """

    loss: Floats
    energy: Floats
    diverging: NDArray[np.bool_]
    fge: Floats
    fge_warmup: float
    stats: dict[str, Floats] = field(default_factory=dict)
    params: Floats | None = None
    curve: dict[str, Floats] = field(default_factory=dict)
    seconds: float = 0.0
    warmup_seconds: float = 0.0
    compile_seconds: float = 0.0


class Lanes:
    """Runs functions of one lane over all lanes of some jobs, compiled; knows how long compiling and computing took.

    Args:
        problem: the target.
        jobs: the runs, `width` at most.
        width: how many runs a call has.
        dtype: the precision of everything.
        form: what, beside the shapes of its arguments, the compiled code depends on.
    """

    def __init__(self, problem: Problem, jobs: Sequence[Job], width: int, dtype: Any, form: Hashable) -> None:
        self.chains = jobs[0].options.chains
        self.count = len(jobs)
        self.jobs = [*jobs, *[jobs[-1]] * (width - len(jobs))]
        self.dtype = dtype
        self._form = (problem.loss, form, str(jnp.dtype(dtype)))
        self._data = jax.tree.map(lambda one: jnp.asarray(one, dtype), problem.data)
        self._w0 = jnp.asarray(problem.w0, dtype)
        # What is made here is numpy's: each of JAX's operations outside compiled code is compiled by itself.
        self._seeds = np.repeat(np.array([job.seed for job in self.jobs], np.int64), self.chains)
        self._chain = np.tile(np.arange(self.chains), len(self.jobs))
        self.heat = self.values([job.heat for job in self.jobs])
        self.gamma = self.values([job.gamma for job in self.jobs])
        self.compile_seconds: float = 0.0
        self._compiler_options = compiler_options(problem.n, problem.d)

    def option(self, name: str) -> Floats:
        """One option of each lane's job."""
        return self.values([getattr(job.options, name) for job in self.jobs])

    def values(self, of_jobs: Sequence[float]) -> Floats:
        """A value of each job as one of each of its lanes."""
        return np.repeat(np.array(of_jobs, self.dtype), self.chains)

    def run(self, name: str, function: Callable[..., Any], *own: Any) -> tuple[Any, float]:
        """`function(data, w0, …)` for every lane, with its own values; the values, and the seconds that it took.

        Args:
            name: what the function is; with the form it stands for its code.
            function: takes data, w₀ (d,), the lane's key, then its element of each of `own`.
            own: trees of arrays (lanes, …).
        """
        start = time.perf_counter()
        arguments = (self._data, self._w0, self._seeds, self._chain, own)
        shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(arguments))
        known = (name, self._form, shapes)
        if known not in _COMPILED:
            if len(_COMPILED) >= _KEPT:
                del _COMPILED[next(iter(_COMPILED))]

            def over(data: Any, w0: Array, seeds: Array, chain: Array, own: tuple[Any, ...]) -> Any:
                def lane(seed: Array, number: Array, own: tuple[Any, ...]) -> Any:
                    return function(data, w0, jax.random.fold_in(jax.random.key(seed), number), *own)

                return jax.vmap(lane)(seeds, chain, own)

            _COMPILED[known] = jax.jit(over).lower(*arguments).compile(compiler_options=self._compiler_options)
        ready = time.perf_counter()
        value = jax.block_until_ready(_COMPILED[known](*arguments))
        self.compile_seconds += ready - start
        return value, time.perf_counter() - ready

    def by_job(self, values: Any) -> list[Any]:
        """The values of all lanes, job by job: numpy arrays (chains, …)."""
        plain = jax.tree.map(np.asarray, values)
        places = [slice(place * self.chains, (place + 1) * self.chains) for place in range(self.count)]
        return [jax.tree.map(lambda one, place=place: one[place], plain) for place in places]


_KEPT = 64
_COMPILED: dict[Hashable, Any] = {}


def width_for(problem: Problem, chains: int, most: int) -> int:
    """How many runs of a problem a call computes side by side: a function of the problem alone, never of the request.

    Side by side pays where one run leaves the machine idle. On an accelerator that is up to some 5·10⁷ products of
    example and parameter a gradient (measured on an H200: four runs of 8.6·10⁶ cost 1.1 times as much as one, two of
    1.6·10⁸ cost 1.4 times as much); on a CPU, only where starting a gradient costs as much as computing it.

    Args:
        problem: the target.
        chains: of each run.
        most: what is best for the sampler on a CPU, for tiny problems.
    """
    if jax.default_backend() == "cpu":
        return most if is_tiny(problem.n, problem.d) else 1
    return max(1, min(_WIDEST, _BUSY // (chains * problem.n * problem.d)))


_BUSY = 50_000_000
_WIDEST = 64


def plain_form(options: Sampler, varies: Sequence[str]) -> Sampler:
    """The options with those that may vary between the jobs of a call taken out: what the compiled code depends on."""
    fields = type(options).model_fields
    return options.model_copy(update={name: fields[name].default for name in varies})

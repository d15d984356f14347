"""From requests to estimates: jobs of one sampler on one target, block by block, each block one compiled call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from quadrat import QuadratError

from .estimate import analyse, write_analysis, write_trace
from .params import Data, Model, Training
from .problem import Problem, temper
from .samplers import hamiltonian, mclmc, sgld, vi
from .samplers.lanes import Chains, Job
from .targets import open_problem

if TYPE_CHECKING:
    from .study import Sampling

SAMPLERS: dict[str, Any] = {"hmc": hamiltonian, "nuts": hamiltonian, "mclmc": mclmc, "sgld": sgld, "vi": vi}


@dataclass(frozen=True)
class Origin:
    """The target that is sampled: its name, L₀, and its files."""

    target_id: str
    loss0: float
    params: Path
    data: Path


@dataclass(frozen=True)
class Request:
    """A run that is wanted: its parameters, name, the seed that its target gives it, and where its files go."""

    params: Sampling
    run_id: str
    seed: int
    analysis: Path
    trace: Path


def sample(
    origin: Origin,
    configs: tuple[Model, Data, Training],
    requests: Sequence[Request],
    progress: Callable[[float, float | None, str], None],
) -> Iterator[dict[str, Any] | str]:
    """Sample each request and write its files; gives its analysis, or in one line why there is none.

    Args:
        origin: the target.
        configs: what it was made from.
        requests: what is wanted; they agree in the sampler and all options but those that it lets vary.
        progress: told how many are done.
    """
    problem = open_problem(origin.params, origin.data, *configs)
    module = SAMPLERS[requests[0].params.sampler.name]
    size = module.width(problem, requests[0].params.sampler)
    for first in range(0, len(requests), size):
        block = requests[first : first + size]
        jobs = [_job(problem, one) for one in block]
        for one, job, chains in zip(block, jobs, module.sample(problem, jobs), strict=True):
            try:
                yield _written(origin, problem, one, job, chains)
            except QuadratError as error:
                yield " — ".join(filter(None, (error.message, error.hint)))
        progress(first + len(block), len(requests), "runs")


def _job(problem: Problem, request: Request) -> Job:
    """The job of a request; its randomness is that of the target's seed and of the sampler's."""
    options = request.params.sampler
    beta, gamma = temper(request.params.posterior, problem.n, problem.d)
    entropy = np.random.SeedSequence([request.seed, options.seed])
    seed = int(entropy.generate_state(1, np.uint64)[0] >> np.uint64(1))
    return Job(options, problem.n * beta, gamma, seed)


def _written(origin: Origin, problem: Problem, request: Request, job: Job, chains: Chains) -> dict[str, Any]:
    values = {
        "target_id": origin.target_id,
        "run_id": request.run_id,
        "sampler": request.params.sampler.name,
        **analyse(chains, job.heat, origin.loss0),
        "n": problem.n,
        "d": problem.d,
        "beta": job.heat / problem.n,
        "gamma": job.gamma,
        "L0": origin.loss0,
        "sampler_cfg": request.params.sampler.model_dump(mode="json"),
        "posterior_cfg": request.params.posterior.model_dump(mode="json"),
        "device": jax.default_backend(),
    }
    about = ("sampler", "target_id", "run_id", "L0", "n", "beta", "gamma", "fge_warmup")
    told = {name: values[name] for name in about} | {"walltime_sec": chains.seconds}
    write_trace(chains, job.heat, origin.loss0, told, request.trace)
    write_analysis(values, request.analysis)
    return values

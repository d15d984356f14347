"""Two tasks with trivial bodies, to measure what the engine itself costs.

quadrat plan benchmarks/scale_study.py targets=1000 samplers=99
"""

from __future__ import annotations

import quadrat as qd

study = qd.Study("scale")


class Target(qd.Params):
    """One target."""

    target: int = 0


class Sampler(qd.Params):
    """One sampler."""

    sampler: int = 0


class Built(qd.Result):
    """A number that depends on the target."""

    depth: float


class Sampled(qd.Result):
    """A number that depends on target and sampler."""

    estimate: float


@study.space
def axes(targets: int = 10, samplers: int = 9) -> dict[str, qd.Space]:
    """`targets` targets, and `samplers` samplers on each."""
    return {"target": qd.grid(target=range(targets)), "sample": qd.grid(sampler=range(samplers))}


@study.task
def target(params: Target) -> Built:
    """Build a target."""
    return Built(depth=params.target * 0.5)


@study.task
def sample(params: Sampler, target: qd.Done[Target, Built]) -> Sampled:
    """Sample on a target."""
    return Sampled(estimate=target.result.depth + params.sampler)

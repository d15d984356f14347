"""The study `lambda_hat` of the design page, with trivial bodies."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pydantic

import quadrat as qd

study = qd.Study("lambda_hat")


class Model(qd.Params):
    depth: int = 2
    target_params: int | None = None
    activation: str = "relu"


class Data(qd.Params):
    n_data: int = 5000
    noise_scale: float = 0.1


class Target(qd.Params):
    model: Model = Model()
    data: Data = Data()
    teacher: Model | None = None
    seed: int = 42
    jax_enable_x64: bool = True


class Built(qd.Result):
    L0: float
    d: int
    params: qd.File
    data: qd.File


class HMC(qd.Params):
    name: Literal["hmc"] = "hmc"
    draws: int = 1000
    num_integration_steps: int = 10
    chains: int = 4


class SGLD(qd.Params):
    name: Literal["sgld"] = "sgld"
    steps: int = 50_000
    step_size: float = 1e-6
    chains: int = 4


class Sampling(qd.Params):
    sampler: Annotated[HMC | SGLD, pydantic.Field(discriminator="name")] = HMC()
    seed: int = 0


class Sampled(qd.Result):
    llc_mean: float
    llc_std: float
    ess: float
    r_hat: float
    converged: bool
    trace: qd.File


@study.space
def experiments(
    targets: list[dict[str, Any]], samplers: list[dict[str, Any]], jax_enable_x64: bool = True
) -> dict[str, qd.Space]:
    from lambda_conf import resolve  # presets + overrides -> one nested mapping

    return {
        "target": qd.points([resolve(t, jax_enable_x64=jax_enable_x64) for t in targets]),
        "sample": qd.points([resolve(s) for s in samplers]),
    }


@study.task()
def target(params: Target, run: qd.Run) -> Built:
    return Built(L0=0.0, d=params.model.depth, params=run.file("params"), data=run.file("data"))


@study.task()
def sample(params: Sampling, target: qd.Done[Target, Built], run: qd.Run) -> Sampled:
    return Sampled(llc_mean=1.0, llc_std=0.0, ess=1.0, r_hat=1.0, converged=True, trace=run.file("trace"))


@study.batch(sample, varies=["seed", "sampler.step_size"])
def sample_many(
    params: list[Sampling], target: qd.Done[Target, Built], runs: list[qd.Run]
) -> Iterator[tuple[qd.Run, Sampled]]:
    for one, run in zip(params, runs, strict=True):
        yield run, sample(one, target, run)


study.view(target, "targets/tgt_{id:.12}/meta.json", artifact="params")
study.view(sample, "targets/tgt_{target.id:.12}/run_{sampler.name}_{id:.8}/analysis.json", artifact="trace")

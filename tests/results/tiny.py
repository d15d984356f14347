"""A study with one of everything that a table has to show: trees, lists, labels, a conditional upstream, a gather."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import pydantic

import quadrat as qd

study = qd.Study("tiny")


class Data(qd.Params):
    size: int = 4
    """number of images"""


class Prepared(qd.Result):
    images: int
    sha256: str


class Hmc(qd.Params):
    name: Literal["hmc"] = "hmc"
    draws: int = 10
    """draws of a chain"""


class Sgld(qd.Params):
    name: Literal["sgld"] = "sgld"
    step: float = 0.1


class Training(qd.Params):
    sampler: Annotated[Hmc | Sgld, pydantic.Field(discriminator="name")] = Hmc()
    layers: tuple[int, ...] = (2, 3)
    seed: int = 0


class Trained(qd.Result):
    loss: float
    """training loss"""
    val_acc: float
    weights: qd.File


class Testing(qd.Params):
    status: str = "trained"
    noise: float = 0.0


class Tested(qd.Result):
    loss: float
    robust: bool
    weights: qd.File


class Mean(qd.Result):
    members: int


@study.space
def request(noises: list[float] = [0.0, 0.5]) -> dict[str, qd.Space]:  # noqa: B006 - as in a study
    tests = qd.grid(noise=noises, status=["trained"])
    first = qd.points([{"noise": noises[0], "status": "init"}])
    return {
        "train": qd.grid(sampler=[{"name": "hmc"}, {"name": "sgld", "step": 0.5}], seed=[1, 2, 3]),
        "test": qd.label(experiment="all") * tests + qd.label(experiment="clean") * (qd.grid(noise=[0.0]) + first),
    }


@study.task
def data(params: Data) -> Prepared:
    return Prepared(images=params.size, sha256="abc")


@study.task
def train(params: Training, data: qd.Done[Data, Prepared], run: qd.Run) -> Trained:
    weights = run.file("weights.txt")
    weights.write_text(f"{params.seed}")
    broken = params.sampler.name == "sgld" and params.seed == 3
    return Trained(loss=math.nan if broken else params.seed / 8, val_acc=0.5 + params.seed / 16, weights=weights)


@study.task
def test(
    params: Testing,
    data: qd.Done[Data, Prepared],
    train: Annotated[qd.Done[Training, Trained] | None, qd.when(lambda p: p.status != "init")],
    run: qd.Run,
) -> Tested:
    weights = run.file("weights.txt")
    weights.write_text("read")
    loss = 1.0 if train is None else train.result.loss + params.noise
    return Tested(loss=loss, robust=loss < 0.5, weights=weights)


@study.task
def mean(train: Annotated[qd.Many[Training, Trained], qd.over("seed")]) -> Mean:
    return Mean(members=len(train))

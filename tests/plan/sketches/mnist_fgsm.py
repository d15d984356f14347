"""The study `mnist_fgsm` of the design page, with trivial bodies."""

from collections.abc import Iterator
from typing import Annotated, Literal

import quadrat as qd

study = qd.Study("mnist_fgsm")


class Data(qd.Params):
    dataset: Literal["digits", "mnist"] = "digits"


class Prepared(qd.Result):
    images: qd.File
    sha256: str


class Training(qd.Params):
    num_epochs: int = 1
    batch_size: int = 128
    hidden_size: int = 64
    learning_rate: float = 2e-4
    dropout_prob: float = 0.0
    seed: int = 1


class Trained(qd.Result):
    test_acc: float
    test_loss: float
    val_acc: float
    val_loss: float
    weights: qd.File


class Attack(qd.Params):
    fgsm_epsilon: float = 0.05
    attack_domain: Literal["pixel", "normalised_clamp"] = "pixel"


class Attacked(qd.Result):
    fgsm_acc: float
    examples: qd.File


class Average(qd.Result):
    table: qd.File
    seeds: int


@study.task()
def data(params: Data, run: qd.Run) -> Prepared:
    file = run.file("images.txt")
    file.write_text(params.dataset)
    return Prepared(images=file, sha256="0")


@study.task()
def train(params: Training, data: qd.Done[Data, Prepared], run: qd.Run) -> Trained:
    file = run.file("weights.txt")
    file.write_text(str(run.seed("init")))
    return Trained(test_acc=1.0, test_loss=0.0, val_acc=1.0, val_loss=params.learning_rate, weights=file)


@study.batch(train, varies=["seed", "dropout_prob", "learning_rate"])
def train_many(
    params: list[Training], data: qd.Done[Data, Prepared], runs: list[qd.Run]
) -> Iterator[tuple[qd.Run, Trained]]:
    for one, run in zip(params, runs, strict=True):
        yield run, train(one, data, run)


@study.task()
def attack(params: Attack, train: qd.Done[Training, Trained], data: qd.Done[Data, Prepared], run: qd.Run) -> Attacked:
    file = run.file("examples.txt")
    file.write_text("0")
    return Attacked(fgsm_acc=1 - params.fgsm_epsilon, examples=file)


@study.task()
def seed_average(attack: Annotated[qd.Many[Attack, Attacked], qd.over("seed")], run: qd.Run) -> Average:
    file = run.file("table.txt")
    file.write_text("\n".join(one.id for one in attack))
    return Average(table=file, seeds=len(attack))

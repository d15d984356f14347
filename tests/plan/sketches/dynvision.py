"""The study `dynvision` of the design page, with trivial bodies."""

# ruff: noqa: B006 - defaults of settings are never changed

from typing import Annotated, Any

import quadrat as qd

study = qd.Study("dynvision")


class Raw(qd.Params):
    data_name: str = "digits"


class X2(qd.Params):
    rctype: str = "full"
    tsteps: int = 20
    idle: int = 0


class X8(X2):
    rctarget: str = "output"


class Init(qd.Params):
    model_args: X2 | X8 = X2()
    model_name: str = "DyRCNNx2"
    seed: int = 1


class Training(qd.Params):
    epochs: int = 300
    batch_size: int = 192


class Group(qd.Params):
    data_group: str = "all"


class Duration(qd.Params):
    name: str = "StimulusDuration"
    dsteps: int = 30
    stim: int = 20
    intro: int = 1


class Contrast(Duration):
    contrast: float = 1.0


class Testing(qd.Params):
    status: str = "trained"
    loader: Duration | Contrast = Duration()
    idle: Annotated[int, qd.follow("init.model_args.idle")] = 0


class Weights(qd.Result):
    weights: qd.File


class Trained(Weights):
    val_acc: float
    checkpoints: qd.File


class Tested(qd.Result):
    outputs: qd.File
    responses: qd.Temp
    accuracy: float


class Figure(qd.Result):
    adaption: qd.File


@study.space
def request(
    experiment: list[str],
    category: str | None = None,
    model_name: str | list[str] = "DyRCNNx2",
    seed: list[int] = [1],
    experiment_config: dict[str, Any] = {},
) -> dict[str, qd.Space]:
    from dyn_conf import model_space, test_space

    tests = qd.points([])
    for e in experiment:
        tests = tests + qd.label(experiment=e) * test_space(experiment_config[e])
    return {"init": model_space(model_name, category) * qd.grid(seed=seed), "test": tests}


@study.task()
def dataset(params: Raw, run: qd.Run) -> Weights:
    return Weights(weights=run.file("data"))


@study.task()
def init(params: Init, dataset: qd.Done[Raw, Weights], run: qd.Run) -> Weights:
    return Weights(weights=run.file("weights"))


@study.task(extends="epochs")
def train(params: Training, init: qd.Done[Init, Weights], dataset: qd.Done[Raw, Weights], run: qd.Run) -> Trained:
    return Trained(weights=run.file("weights"), val_acc=1.0, checkpoints=run.file("checkpoints"))


@study.task()
def test(
    params: Testing,
    group: Group,
    init: qd.Done[Init, Weights],
    dataset: qd.Done[Raw, Weights],
    run: qd.Run,
    train: Annotated[qd.Done[Training, Trained] | None, qd.when(lambda p: p.status != "init")],
) -> Tested:
    return Tested(outputs=run.file("outputs"), responses=qd.Temp(run.file("responses")), accuracy=1.0)


@study.task()
def adaption(
    test: Annotated[
        qd.Many[Testing, Tested], qd.by("experiment", "category", "model_name", "data_name", "status", "data_group")
    ],
    run: qd.Run,
) -> Figure:
    return Figure(adaption=run.file("adaption"))


study.view(train, "models/{model_name}/{model_name}{model_args}_{seed:04d}_{data_name}_trained.pt", artifact="weights")

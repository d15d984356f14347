"""Models: made, trained, tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

import quadrat as qd
from quadrat.ml.lightning import close_loggers, drop_links

from ..images.batches import Batches
from ..images.datasets import dataset
from ..images.packed import open_images
from ..images.presets import preset
from ..networks import RecurrentNetwork, build, freeze, load_pretrained
from ..params import Init, Testing, Training
from ..runtime.fitting import LAST, fit, write_history
from ..runtime.loggers import make_loggers
from ..runtime.testing import run_test
from .data import data_set

Result = dict[str, Any]


def initialise(params: Init, data_name: str, classes: int, run: qd.Run) -> Result:
    """Make a model, with weights of its own or published ones."""
    network = _network(params, data_name, classes, run.seed("init"))
    if params.init_with_pretrained:
        load_pretrained(network)
    file = run.file("init.pt")
    torch.save(network.state_dict(), file)
    parameters = sum(one.numel() for one in network.parameters() if one.requires_grad)
    about = {"data_name": data_name, "n_classes": classes}
    return {"weights": file, "config": write_config(run, about, init=params), "parameters": parameters}


def train(params: Training, init: qd.Done[Init, Any], data_name: str, packed: Any, run: qd.Run) -> Result:
    """Train a model."""
    network = load(init, data_name, init.result.weights)
    seed, size, device = run.seed("train"), params.batch_size, _device()
    augment = preset(params.dloader, dataset(data_name))
    images = open_images(packed.train)
    loaders = (
        Batches(images, size, shuffle=True, seed=seed, augment=augment, device=device),
        Batches(open_images(packed.val), size, device=device),
    )

    def tell(epoch: int, values: Mapping[str, float]) -> None:
        run.log(epoch, **values)
        if params.enable_progress_bar:
            run.progress(epoch, params.epochs, "epochs")

    kept = run.file(f"checkpoints/{LAST}").parent
    before = run.previous.result.checkpoints / LAST if run.previous else None
    loggers = make_loggers(params, run.file("logs"))
    done = fit(network, params, loaders, seed, run.scratch, kept, before=before, loggers=loggers, tell=tell)
    close_loggers(loggers)
    drop_links(run.file("logs"))
    files = {
        "weights": run.file("trained.pt"),
        "best": run.file("trained-best.pt"),
        "log": run.file("logs/training.csv"),
    }
    torch.save(done.weights, files["weights"])
    torch.save(done.best, files["best"])
    write_history(done.history, files["log"])
    return {
        **files,
        "checkpoints": qd.Folder(kept),
        "logs": qd.Folder(run.file("logs")),
        "config": write_config(run, {"data_name": data_name}, init=init.params, train=params),
        "epochs_done": len(done.history),
        "best_epoch": done.best_epoch,
        **{name: done.last[name] for name in ("train_acc", "train_loss", "val_acc", "val_loss")},
    }


def test(params: Testing, init: qd.Done[Init, Any], train: Any, data_name: str, packed: Any, run: qd.Run) -> Result:
    """Test a model."""
    source = init.result.weights if train is None else train.result.weights
    if params.status == "trained-best":
        source = train.result.best
    network = load(init, data_name, source).to(_device())
    outputs, responses = run.file("test_outputs.csv"), run.file("test_responses.safetensors")

    def tell(done: int, images: int) -> None:
        run.progress(done, images, "images")

    measured = run_test(network, params, open_images(packed.test), run.seed("test"), outputs, responses, tell)
    trained = {} if train is None else {"train": train.params}
    return {
        "outputs": outputs,
        "responses": qd.Temp(responses),
        "config": write_config(run, {"data_name": data_name}, init=init.params, **trained, test=params),
        **asdict(measured),
    }


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def load(init: qd.Done[Init, Any], data_name: str, weights: Path) -> RecurrentNetwork:
    """The model of a run of `init`, with weights from a file."""
    state = torch.load(weights, weights_only=True)
    network = _network(init.params, data_name, classes_of(state), 0)
    network.load_state_dict(state)
    if init.params.init_with_pretrained:
        freeze(network)
    return network


def classes_of(state: Mapping[str, Tensor]) -> int:
    """The number of classes of a model by its weights: the outputs of the last layer."""
    return len(state[[name for name in state if name.startswith("classifier")][-1]])


def _network(params: Init, data_name: str, classes: int, seed: int) -> RecurrentNetwork:
    image = data_set(data_name, params.data_resolution).image
    return build(params.model, classes, image, seed)


def write_config(run: qd.Run, about: Mapping[str, Any], **parts: qd.Params) -> qd.File:
    """Write down every parameter that a run was made with, as YAML."""
    tree = {**about, **{name: one.model_dump(mode="json") for name, one in parts.items()}, "run": run.id}
    file = run.file("config.yaml")
    file.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return file

"""What a training is (`TrainSpec`), what it leaves to be used or continued (`State`), and its file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from quadrat import BadInput

from .model import Network, Shape

_ADAM = ("exp_avg", "exp_avg_sq")
_COUNTS = ("epochs", "step", "streams")


@dataclass(frozen=True)
class TrainSpec:
    """One training's settings.

    Attributes:
        num_epochs: passes over the training images, 1 or more.
        batch_size: images per step; the last batch of an epoch is smaller where it must be.
        hidden_size: units of each of the two hidden layers.
        learning_rate: Adam's step size, greater than 0.
        dropout_prob: the share of hidden units dropped while training, 0 or more and below 1.

    Raises:
        BadInput: a value is outside its range.
    """

    num_epochs: int = 1
    batch_size: int = 128
    hidden_size: int = 64
    learning_rate: float = 2e-4
    dropout_prob: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_epochs", "batch_size", "hidden_size"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} is {getattr(self, name)}, and must be 1 or more", where=name)
        if not 0 < self.learning_rate < float("inf"):
            raise BadInput(f"learning_rate is {self.learning_rate}, and must be positive", where="learning_rate")
        if not 0 <= self.dropout_prob < 1:
            raise BadInput(f"dropout_prob is {self.dropout_prob}, and must be in [0, 1)", where="dropout_prob")


@dataclass(frozen=True, eq=False)
class State:
    """A trained network with all that it takes to train it on.

    Attributes:
        spec: how it was trained.
        epochs: how many epochs are done.
        shape: the network's sizes.
        weights: (P,) float32, on the CPU.
        exp_avg, exp_avg_sq: (P,) float32, Adam's first and second moments; None where only the weights were read.
        step: optimiser steps done.
        streams: fingerprint of the seeds; a continuation under other seeds is refused.
    """

    spec: TrainSpec
    epochs: int
    shape: Shape
    weights: Tensor
    exp_avg: Tensor | None
    exp_avg_sq: Tensor | None
    step: int
    streams: str

    def network(self, device: str | torch.device = "cpu") -> Network:
        """The network, as one lane."""
        return Network(self.shape, self.weights.to(device).unsqueeze(0))

    def check_start(self, spec: TrainSpec, streams: str) -> None:
        """Refuse to be the start of a training that would not have come this way.

        Raises:
            BadInput: other settings or seeds, more epochs than asked for, or no Adam moments.
        """
        ours = asdict(self.spec) | {"seeds": self.streams}
        theirs = asdict(spec) | {"seeds": streams}
        wrong = [f"{k} {ours[k]} (asked for {theirs[k]})" for k in ours if k != "num_epochs" and ours[k] != theirs[k]]
        if self.epochs > spec.num_epochs:
            wrong.append(f"{self.epochs} epochs (asked for {spec.num_epochs})")
        if self.exp_avg is None or self.exp_avg_sq is None:
            wrong.append("no Adam moments")
        if wrong:
            found = ", ".join(wrong)
            raise BadInput(f"this state cannot be continued: it has {found}", hint="train from scratch instead")

    def save(self, path: Path) -> None:
        """Write a safetensors file: the parameters under torch.nn.Linear's names and shapes, the moments prefixed."""
        from safetensors.torch import save_file

        tensors = dict(self.shape.views(self.weights))
        for prefix in _ADAM:
            if (moments := getattr(self, prefix)) is not None:
                tensors |= {f"{prefix}.{name}": view for name, view in self.shape.views(moments)}
        about = {n: getattr(self, n) for n in _COUNTS} | {"spec": asdict(self.spec), "shape": asdict(self.shape)}
        save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata={"mnist_fgsm": json.dumps(about)})


def load_state(path: Path, *, moments: bool = True) -> State:
    """The state that `State.save` wrote; `moments=False` reads only the weights (a third of the file), to evaluate.

    Raises:
        BadInput: the file is missing, damaged, or no state of this study.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call,unused-ignore]
            about: dict[str, Any] = json.loads((file.metadata() or {})["mnist_fgsm"])
            shape = Shape(**about["shape"])
            parts = {p: _join(file, shape, p) for p in ("", *(f"{p}." for p in _ADAM if moments))}
            return State(
                TrainSpec(**about["spec"]),
                about["epochs"],
                shape,
                parts[""],
                parts.get("exp_avg."),
                parts.get("exp_avg_sq."),
                about["step"],
                about["streams"],
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"not a saved training, or damaged ({error})", where=str(path), hint="train it again") from error


def _join(file: Any, shape: Shape, prefix: str) -> Tensor:
    get = file.get_tensor
    return torch.cat([get(prefix + name).flatten() for name in shape.layers()])

"""Targets: data, a trained student and its minimum, made once and kept in files that others can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from safetensors.numpy import load_file, save_file

from .data import make_data
from .network import Network, student
from .params import Data, Model, Teacher, Training
from .problem import Batch, Problem, network_loss
from .runtime import compiler_options
from .training import Minimum, train

PACKAGES = ("quadrat", "jax", "jaxlib", "optax", "blackjax", "numpy")


@dataclass(frozen=True)
class Target:
    """A trained student.

    Attributes:
        network: its form.
        x, y: inputs (n, in) and labels (n, out).
        minimum: where training ended.
    """

    network: Network
    x: Array
    y: Array
    minimum: Minimum


def build(model: Model, data: Data, teacher: Teacher | None, training: Training, seed: int, dtype: Any) -> Target:
    """Make the data, and train a student on them.

    Args:
        model: the student.
        data: how many, and of what distribution.
        teacher: what makes the labels; None is a network like the student.
        training: how the student is trained.
        seed: what data, teacher and the student's first parameters come from.
        dtype: float32 or float64.

    Raises:
        BadInput: the sizes do not fit together.
        QuadratError: training did not converge.
    """
    network = student(model)

    def drawn(seed: Array) -> tuple[Array, Array, Array]:
        data_key, student_key = jax.random.split(jax.random.key(seed))
        return *make_data(model, data, teacher, data_key, dtype), network.initial(student_key, dtype)

    x, y, start = jax.jit(drawn, compiler_options=compiler_options(data.n_data, network.d))(np.int64(seed))
    columns: Batch = (x.T, y.T)
    return Target(network, x, y, train(loss_of(network, data, training), columns, start, training))


def loss_of(network: Network, data: Data, training: Training) -> Any:
    """The loss that a target is trained on, with the noise's parameters where the loss has them."""
    if training.loss == "t_regression":
        return network_loss(network, training.loss, data.student_df, data.noise_scale or 1.0)
    return network_loss(network, training.loss)


def save(target: Target, params_file: Path, data_file: Path) -> None:
    """Write the parameters, layer by layer, and the data, as safetensors."""
    layers: dict[str, Any] = {}
    for number, (weights, bias) in enumerate(target.network.layers(target.minimum.w0)):
        layers[f"layers.{number}.weight"] = np.ascontiguousarray(weights)
        if bias is not None:
            layers[f"layers.{number}.bias"] = np.ascontiguousarray(bias)
    save_file(layers, params_file)
    save_file({"x": np.ascontiguousarray(target.x), "y": np.ascontiguousarray(target.y)}, data_file)


def meta(target: Target, target_id: str, configs: Mapping[str, Any], seed: int, precision: str) -> str:
    """The target's `meta.json`: what it was made from, its sizes, its loss at the minimum, the packages' versions."""
    told = {
        "target_id": target_id,
        **configs,
        "dims": {"n": int(target.x.shape[0]), "d": int(target.x.shape[1]), "p": target.network.d},
        "widths": list(target.network.sizes[1:-1]),
        "seed": seed,
        "L0": target.minimum.loss,
        "grad_norm": target.minimum.grad_norm,
        "steps": target.minimum.steps,
        "precision": precision,
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }
    return json.dumps(told, indent=2, allow_nan=False) + "\n"


@lru_cache(maxsize=2)
def open_problem(params_file: Path, data_file: Path, model: Model, data: Data, training: Training) -> Problem:
    """A target's files as what samplers take; kept, since one worker samples the same target again and again."""
    network = student(model)
    arrays = load_file(data_file)
    layers = load_file(params_file)
    names = [f"layers.{number}.{kind}" for number in range(len(network.sizes) - 1) for kind in ("weight", "bias")]
    flat = np.concatenate([layers[name].ravel() for name in names if name in layers])
    columns = (jnp.asarray(arrays["x"].T), jnp.asarray(arrays["y"].T))
    return Problem(loss_of(network, data, training), columns, jnp.asarray(flat), len(arrays["x"]))

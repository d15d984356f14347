"""Tests of networks that never were: leaky layers one after another, with adaptation, noise and a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from quadrat_studies.dynvision.analysis.process import Factors, aggregate, process_test

LAYERS = ("V1", "V2", "V4", "IT")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
GAINS = {"full": 1.0, "self": 0.8, "none": 0.55, "local": 0.9, "depthpointwise": 0.85, "pointdepthwise": 0.75}


def made_input(parameter: str, value: Any, steps: int) -> np.ndarray[Any, Any]:
    """(T,) how strong the stimulus is at each step."""
    shown = np.zeros(steps)
    if parameter == "interval":
        shown[1:6] = 1
        shown[6 + int(value) : 11 + int(value)] = 1
    elif parameter == "stim":
        shown[1 : 1 + int(value)] = 1
    else:
        shown[1 : 1 + max(1, 2 * steps // 3)] = value if isinstance(value, float | int) and value <= 1 else 0.8
    return shown


def made_test(
    shown: np.ndarray[Any, Any],
    *,
    gain: float = 1.0,
    delay: int = 0,
    samples: int = 120,
    recorded: int = 24,
    layers: Sequence[str] = LAYERS,
    classes: int = 10,
    seed: int = 1,
) -> tuple[pl.DataFrame, dict[str, np.ndarray[Any, Any]], dict[str, int]]:
    """Outputs, responses and the first steps of the layers."""
    rng = np.random.default_rng(seed)
    steps = len(shown)
    strength = rng.gamma(20, 1 / 20, samples)[:, None] * (1 + 0.05 * rng.standard_normal())
    drive = strength * shown
    responses: dict[str, np.ndarray[Any, Any]] = {}
    start = {}
    for depth, layer in enumerate(layers):
        drive = _leaky(drive, gain, rng)
        start[layer] = min(depth * delay, steps - 1)
        late = np.roll(drive, start[layer], axis=1)[:, start[layer] :]
        scale = 0.3 / (depth + 1)
        responses[f"{layer}/mean"] = (scale * (late + 0.08))[:recorded].astype(np.float32)
        responses[f"{layer}/std"] = (0.6 * scale * (late + 0.1))[:recorded].astype(np.float32)
    evidence = np.zeros_like(drive)
    evidence[:, start[layer] :] = np.roll(drive, start[layer], axis=1)[:, start[layer] :]
    label = np.arange(samples) % classes
    logits = rng.standard_normal((samples, 1, classes)) * 1.0 + 0.5 * rng.standard_normal((samples, steps, classes))
    logits[np.arange(samples), :, label] += 2.6 * evidence + 0.5 * rng.standard_normal((samples, 1))
    logits[np.arange(samples), :, (label + 2) % classes] += 0.9 * evidence
    probability = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    responses["classifier"] = logits[:recorded].astype(np.float32)
    column = {
        "sample_index": np.repeat(np.arange(samples), steps),
        "times_index": np.tile(np.arange(steps), samples),
        "label_index": np.where(shown > 0, label[:, None], -1).ravel(),
        "guess_index": logits.argmax(2).ravel(),
        "image_index": np.repeat(np.arange(samples), steps),
        "first_label_index": np.repeat(label, steps),
        "guess_confidence": probability.max(2).ravel(),
        "first_label_confidence": probability[np.arange(samples), :, label].ravel(),
    }
    return pl.DataFrame(column), responses, start


def _leaky(drive: np.ndarray[Any, Any], gain: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A layer with τ = 5 ms and slower adaptation, in steps of 2 ms."""
    rate, tired = np.zeros(len(drive)), np.zeros(len(drive))
    found = np.empty_like(drive)
    for step in range(drive.shape[1]):
        rate = rate + 0.4 * (1.3 * drive[:, step] + 0.35 * gain * rate - rate - 0.5 * tired)
        rate = np.maximum(rate + 0.01 * rng.standard_normal(len(rate)), 0)
        tired = tired + 0.06 * (rate - tired)
        found[:, step] = rate
    return found


def made_experiment(
    parameter: str = "stim",
    values: Sequence[Any] = (1, 2, 5, 10, 20),
    category: str = "rctype",
    categories: Sequence[Any] = ("full", "self", "none"),
    seeds: Sequence[int] = (1, 2, 3),
    steps: int = 30,
    **options: Any,
) -> pl.DataFrame:
    """The table of an experiment; `options` are those of `made_test`, `model_name`, and `delays` by category."""
    model = options.pop("model_name", "DyRCNNx4")
    delays = options.pop("delays", {})
    tests = []
    for place, one in enumerate(categories):
        for value in values:
            for seed in seeds:
                gain = options.get("gain", GAINS.get(str(one), 1.0 - 0.1 * place))
                number = 1000 * seed + 10 * place + len(model)
                made = {**options, "gain": gain, "delay": delays.get(one, 0), "seed": number}
                outputs, responses, start = made_test(made_input(parameter, value, steps), **made)
                factors = Factors(
                    experiment="made",
                    model_name=model,
                    seed=seed,
                    status="trained",
                    dt=2.0,
                    parameter=parameter,
                    parameter_value=value,
                    category=category,
                    category_value=one,
                )
                tests.append((factors, process_test(outputs, responses, start)))
    return aggregate(tests)


def made_training(epochs: int = 30, categories: Sequence[str] = ("full", "self"), seeds: int = 3) -> pl.DataFrame:
    """What trainings log, with validation every third epoch."""
    rng = np.random.default_rng(5)
    rows = []
    for place, category in enumerate(categories):
        for seed in range(1, seeds + 1):
            for epoch in range(1, epochs + 1):
                done = 1 - np.exp(-epoch * (1 - 0.2 * place) / 9)
                noise = 0.01 * rng.standard_normal(4)
                is_validated = epoch % 3 == 0
                rows.append(
                    {
                        "category": "rctype",
                        "category_value": category,
                        "seed": seed,
                        "epoch": epoch,
                        "train_acc": 0.1 + 0.85 * done + noise[0],
                        "train_ce": 2.3 - 2.1 * done + noise[1],
                        "train_activityloss": 0.4 - 0.2 * done + noise[2] / 3,
                        "val_acc": 0.1 + 0.7 * done + noise[3] if is_validated else None,
                        "val_ce": 2.3 - 1.6 * done + 0.3 * done**4 + noise[2] if is_validated else None,
                        "val_activityloss": 0.4 - 0.19 * done + noise[1] / 3 if is_validated else None,
                    }
                )
    return pl.DataFrame(rows)

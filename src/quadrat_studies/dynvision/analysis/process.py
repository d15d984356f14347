"""From what a test writes down to one table of it, and from many tests to the table of an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quadrat import BadInput

Array = NDArray[Any]
Scalar = bool | int | float | str | None

TOPS = (3, 5)
"""The k of top-k accuracies."""

RESPONSE = "_response_avg"
"""What the name of a column ends with that is the response of a layer."""

OTHERS = -1
"""The unit of `classifier_means` that stands for the mean of all classes but the image's."""

_OUTPUTS = (
    *("sample_index", "times_index", "label_index", "guess_index", "image_index"),
    *("first_label_index", "guess_confidence", "first_label_confidence"),
)


@dataclass(frozen=True)
class Factors:
    """What tells a test from the others of its experiment; each is a column of the experiment's table.

    Attributes:
        experiment, model_name, seed, status: as they are asked for.
        dt: the time step of the model, ms.
        parameter, parameter_value: what the experiment varies, such as "stim" and 5. Values that are not numbers
            become text.
        category, category_value: the argument in which models differ, such as "rctype" and "full", or "" for none.
            Values become text: "true", "0.5", "full".
        epoch: after how many epochs of training, where it matters.
    """

    experiment: str
    model_name: str
    seed: int
    status: str
    dt: float
    parameter: str
    parameter_value: Scalar
    category: str = ""
    category_value: Scalar = ""
    epoch: int | None = None


def process_test(
    outputs: pl.DataFrame,
    responses: Mapping[str, Array],
    start: Mapping[str, int] | None = None,
    *,
    spread: bool = False,
) -> pl.DataFrame:
    """Answers and responses of a test in one table, with a row for each sample and step, in this order.

    Args:
        outputs: a row for each sample and step, with the columns sample_index, times_index, label_index (−1 where
            the stimulus is absent), guess_index, image_index, first_label_index (the sample's class, or −1),
            guess_confidence and first_label_confidence.
        responses: of the first samples: "classifier" (B, T, K) logits, and for each layer either "<layer>/mean" and
            "<layer>/std" (B, T') of |activity|, or "<layer>" (B, T', C, H, W). May be empty.
        start: the step at which a layer's values begin; without it they end with the test.
        spread: from layers with every unit, also how the variance of |activity| is made up.

    Returns:
        `outputs` and
        - accuracy, top3_accuracy, top5_accuracy: 1 where the class is the guess, or among the 3 or 5 largest logits
          (of equal ones that with the smaller index counts as larger, as it does for the guess), else 0. Null where
          there is no class; top-k also where no logits are recorded, or there are fewer than k classes.
        - <layer>_response_avg, <layer>_response_std: mean and standard deviation of |activity| over the units of a
          layer; null for samples that are not recorded and for steps before the layer's first.
        - with `spread`, <layer>_spatial_variance: the variance over places of the mean over features, and
          <layer>_feature_variance: the variance over features of the mean over places.

    Raises:
        BadInput: for a column that is missing, a sample with other steps than the rest, or arrays that do not fit.
    """
    missing = [name for name in _OUTPUTS if name not in outputs.columns]
    if missing:
        raise BadInput(f"the outputs of the test have no column '{missing[0]}'")
    table = outputs.sort("sample_index", "times_index")
    samples, steps = _shape(table)
    label = table["first_label_index"].to_numpy().reshape(samples, steps)[:, 0]
    right = (pl.col("guess_index") == pl.col("first_label_index")).cast(pl.Int8)
    accuracy = pl.when(pl.col("first_label_index") >= 0).then(right).alias("accuracy")
    added = _tops(responses.get("classifier"), label, (samples, steps))
    for layer, values in _by_layer(responses, spread, samples):
        for name, one in values.items():
            _check(layer, one, steps)
            first = steps - one.shape[1] if start is None or layer not in start else start[layer]
            if not 0 <= first <= steps - one.shape[1]:
                raise BadInput(f"{one.shape[1]} steps of layer '{layer}' from step {first} on: the test has {steps}")
            added.append(_column(f"{layer}_{name}", one, (samples, steps), first, pl.Float32))
    return table.with_columns(accuracy, *added)


def _shape(table: pl.DataFrame) -> tuple[int, int]:
    """How many samples and steps; of each sample every step must be there once."""
    samples = table["sample_index"].n_unique()
    steps = table["times_index"].n_unique()
    times = table["times_index"].to_numpy()
    if samples * steps != len(table) or not (times.reshape(samples, steps) == np.arange(steps)).all():
        raise BadInput(
            f"{len(table)} rows are not {samples} samples with {steps} steps each",
            hint="every sample has each step from 0 on once",
        )
    return samples, steps


def _check(name: str, values: Array, steps: int) -> None:
    if values.ndim < 2 or values.shape[1] > steps:
        raise BadInput(f"the responses of '{name}' have the shape {values.shape}, but the test has {steps} steps")


def _tops(logits: Array | None, label: Array, shape: tuple[int, int]) -> list[pl.Series]:
    """The columns of top-k accuracies."""
    if logits is None:
        return [pl.Series(f"top{k}_accuracy", [None] * (shape[0] * shape[1]), dtype=pl.Int8) for k in TOPS]
    if logits.ndim != 3 or logits.shape[1] != shape[1]:
        raise BadInput(f"logits of the shape {logits.shape} do not fit a test of {shape[1]} steps")
    ranks = _ranks(logits[: shape[0]], label)
    found = []
    for k in TOPS:
        has_rank = (ranks >= 0) & (logits.shape[2] >= k)
        found.append(_column(f"top{k}_accuracy", np.where(has_rank, ranks < k, np.nan), shape, 0, pl.Int8))
    return found


def _ranks(logits: Array, label: Array) -> Array:
    """(B, T) how many logits are larger than that of the class; −1 where there is no class.

    A logit that is no number counts as larger than any, and the class has lost where its own is none.
    """
    number, _, classes = logits.shape
    own = np.clip(label[:number], 0, classes - 1)
    index = own[:, None, None]
    value = np.take_along_axis(logits, index, 2)
    is_larger = ~(logits <= value) | ((logits == value) & (np.arange(classes) < index))
    return np.where((label[:number] >= 0)[:, None], is_larger.sum(2), -1)


def _by_layer(responses: Mapping[str, Array], spread: bool, samples: int) -> Iterable[tuple[str, dict[str, Array]]]:
    """For each layer its columns (B, T') by what their names end with."""
    for key, values in responses.items():
        layer, _, kind = key.partition("/")
        if key == "classifier" or kind == "std":
            continue
        if kind == "mean":
            yield layer, {"response_avg": values, **_deviation(responses, layer)}
        else:
            yield layer, _reduced(values[:samples], spread)


def _deviation(responses: Mapping[str, Array], layer: str) -> dict[str, Array]:
    return {"response_std": responses[f"{layer}/std"]} if f"{layer}/std" in responses else {}


def _reduced(units: Array, spread: bool) -> dict[str, Array]:
    """The columns of a layer (B, T', C, H, W), a sample at a time: in float32 a layer may not fit into memory."""
    if units.ndim != 5:
        raise BadInput(f"responses of units have the shape {units.shape}, not (B, T, C, H, W)")
    names = ["response_avg", "response_std", *(["spatial_variance", "feature_variance"] if spread else [])]
    found = {name: np.empty(units.shape[:2], dtype=np.float32) for name in names}
    for place, unit in enumerate(units):
        size = np.abs(unit.astype(np.float32))
        found["response_avg"][place] = size.mean((1, 2, 3))
        found["response_std"][place] = size.std((1, 2, 3))
        if spread:
            found["spatial_variance"][place] = size.mean(1).var((1, 2))
            found["feature_variance"][place] = size.mean((2, 3)).var(1)
    return found


def _column(name: str, values: Array, shape: tuple[int, int], first: int, kind: type[pl.DataType]) -> pl.Series:
    """A column of all samples and steps from values (B, T') of the first samples from a step on; NaN stays one."""
    samples, steps = shape
    whole = np.zeros((samples, steps), dtype=np.float32)
    is_known = np.zeros((samples, steps), dtype=bool)
    part = np.s_[: min(samples, len(values)), first : first + values.shape[1]]
    whole[part] = values[:samples]
    is_known[part] = True
    if kind is pl.Int8:
        is_known &= ~np.isnan(whole)
        whole = np.nan_to_num(whole)
    filled = pl.select(pl.when(pl.Series(is_known.ravel())).then(pl.Series(whole.ravel())).cast(kind)).to_series()
    return filled.alias(name)


def classifier_means(outputs: pl.DataFrame, logits: Array, top: int = 10) -> pl.DataFrame:
    """What the units of the classifier say of the images of each class, on average.

    Args:
        outputs: as of `process_test`.
        logits: (B, T, K) of the first samples.
        top: how many units are kept of each class: its own, and those of the largest mean logit.

    Returns:
        A row for each first_label_index, unit and times_index, with is_shown (whether the stimulus is there), samples
        (their number), logit and probability (softmax): their means over the samples, and logit_std and
        probability_std, their standard deviations (null of one sample). The unit −1 is the mean of all classes but
        the image's, of each sample.

    Raises:
        BadInput: for logits that do not fit.
    """
    table = outputs.sort("sample_index", "times_index")
    samples, steps = _shape(table)
    if logits.ndim != 3 or logits.shape[1] != steps or logits.shape[2] < 2:
        raise BadInput(f"logits of the shape {logits.shape} do not fit {steps} steps and two classes or more")
    label = table["first_label_index"].to_numpy().reshape(samples, steps)[: len(logits), 0]
    is_shown: Array = (table["label_index"].to_numpy() >= 0).reshape(samples, steps).max(0)
    parts = [
        _of_class(int(one), logits[: len(label)][label == one], is_shown, top) for one in np.unique(label[label >= 0])
    ]
    kinds: dict[str, Any] = dict.fromkeys(("first_label_index", "unit", "times_index"), pl.Int64)
    kinds |= {"is_shown": pl.Boolean, "samples": pl.Int64}
    kinds |= dict.fromkeys(("logit", "logit_std", "probability", "probability_std"), pl.Float64)
    return pl.concat([pl.DataFrame(schema=kinds), *parts])


def _of_class(label: int, logits: Array, is_shown: Array, top: int) -> pl.DataFrame:
    logits = logits.astype(np.float64)
    number, steps, classes = logits.shape
    shifted = np.exp(logits - logits.max(2, keepdims=True))
    probability = shifted / shifted.sum(2, keepdims=True)
    order = np.argsort(-logits.mean((0, 1)), kind="stable")
    units = [label, *[int(unit) for unit in order if unit != label][: top - 1]]
    is_other = np.arange(classes) != label
    columns: dict[str, Any] = {
        "first_label_index": np.full((len(units) + 1) * steps, label),
        "unit": np.repeat([*units, OTHERS], steps),
        "times_index": np.tile(np.arange(steps), len(units) + 1),
        "is_shown": np.tile(is_shown, len(units) + 1),
        "samples": np.full((len(units) + 1) * steps, number),
    }
    for name, values in (("logit", logits), ("probability", probability)):
        kept = np.concatenate([values[..., units], values[..., is_other].mean(2, keepdims=True)], axis=2)
        columns[name] = kept.mean(0).T.ravel()
        columns[f"{name}_std"] = kept.std(0, ddof=1).T.ravel() if number > 1 else np.full(kept[0].size, np.nan)
    return pl.DataFrame(columns).with_columns(pl.col("logit_std", "probability_std").fill_nan(None))


def aggregate(tests: Iterable[tuple[Factors, pl.DataFrame]]) -> pl.DataFrame:
    """The tables of the tests of an experiment in one: with a column for each of `Factors`, in the order given.

    A layer that a model does not have is null.

    Raises:
        BadInput: for no tests at all.
    """
    pairs = list(tests)
    if not pairs:
        raise BadInput("an experiment without tests has no table")
    is_numeric = all(_is_number(factors.parameter_value) for factors, _ in pairs)
    return pl.concat(
        [table.select(*_columns(factors, is_numeric), pl.all()) for factors, table in pairs], how="diagonal_relaxed"
    )


def read_table(file: Path) -> pl.DataFrame:
    """The table of a test or of an experiment from a file (csv or parquet), with the types that it was written with.

    A csv file alone would make numbers of values of categories that are text, such as the pattern "0011".
    """
    if file.suffix == ".parquet":
        return pl.read_parquet(file)
    kinds = {name: _kind(name) for name in pl.read_csv(file, n_rows=0).columns}
    table = pl.read_csv(file, schema_overrides=kinds)
    if "parameter_value" in kinds:
        numbers = table["parameter_value"].cast(pl.String).cast(pl.Float64, strict=False)
        table = table.with_columns(numbers if not numbers.null_count() else pl.col("parameter_value"))
    return table


def _kind(name: str) -> pl.DataType:
    """The type of a column by its name."""
    if name.endswith("accuracy"):
        return pl.Int8()
    if name in ("dt", "guess_confidence", "first_label_confidence"):
        return pl.Float64()
    if name.endswith("_index") or name in ("seed", "epoch"):
        return pl.Int64()
    return pl.Float32() if name.endswith(("_avg", "_std", "_variance")) else pl.Categorical()


def _columns(factors: Factors, is_numeric: bool) -> list[pl.Expr]:
    value = factors.parameter_value
    columns: dict[str, tuple[Any, Any]] = {
        "experiment": (factors.experiment, pl.Categorical),
        "model_name": (factors.model_name, pl.Categorical),
        "seed": (factors.seed, pl.Int64),
        "status": (factors.status, pl.Categorical),
        "epoch": (factors.epoch, pl.Int64),
        "dt": (factors.dt, pl.Float64),
        "parameter": (factors.parameter, pl.Categorical),
        "parameter_value": (value, pl.Float64) if is_numeric else (as_text(value), pl.Categorical),
        "category": (factors.category, pl.Categorical),
        "category_value": (as_text(factors.category_value), pl.Categorical),
    }
    return [pl.lit(one, dtype=kind).alias(name) for name, (one, kind) in columns.items()]


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_text(value: Scalar) -> str:
    """A value of an argument as file names have it: "full", "true", "0.5", "20"; null is "null"."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value).removesuffix(".0")

"""Figures: of an experiment, of a model, across models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import torch
from matplotlib.figure import Figure

import quadrat as qd

from ..analysis.measures import focus
from ..analysis.process import as_text
from ..figures import style
from ..figures.adaption import draw_adaption
from ..figures.classifier import draw_classifier
from ..figures.comparison import draw_comparison
from ..figures.confusion import draw_confusion
from ..figures.dynamics import draw_dynamics
from ..figures.performance import draw_performance
from ..figures.responses import draw_responses
from ..figures.training import draw_training
from ..figures.unrolling import draw_unrolling
from ..figures.weights import draw_weights
from ..figures.words import About
from ..requests import short_name

Result = dict[str, Any]
CLASSES = 10
"""Classes that the classifier is drawn for, at most."""

OF_EXPERIMENT: dict[str, Callable[[pl.DataFrame, About], Figure]] = {
    "adaption": draw_adaption,
    "responses": draw_responses,
    "performance": draw_performance,
    "dynamics": draw_dynamics,
    "unrolling": draw_unrolling,
    "confusion": lambda table, about: draw_confusion(table, float(table["dt"][0]), about),
}


def plot_experiment(kind: str, aggregate: qd.Done[Any, Any], run: qd.Run) -> Result:
    """A figure of the table of an experiment."""
    table = pl.read_parquet(aggregate.result.table)
    figure = OF_EXPERIMENT[kind](table, _about(aggregate, table))
    return write(figure, run.file(f"{kind}.pdf"))


def _about(aggregate: qd.Done[Any, Any], table: pl.DataFrame) -> About:
    first = table.row(0, named=True)
    title = ", ".join(str(first[name]) for name in ("model_name", "experiment", "status"))
    classes = json.loads(pl.read_parquet_metadata(aggregate.result.classifier)["classes"])
    return About(title=title, classes=tuple(classes))


def plot_classifier(aggregate: qd.Done[Any, Any], run: qd.Run) -> Result:
    """What the classifier says of the images of each class, a figure for each."""
    table = pl.read_parquet(aggregate.result.table)
    means = pl.read_parquet(aggregate.result.classifier)
    words = _about(aggregate, table)
    folder = run.file("classifier_responses/class_0.png").parent
    for label in sorted(means["first_label_index"].unique().to_list())[:CLASSES]:
        figure = draw_classifier(means, label, float(table["dt"][0]), words)
        style.write(figure, folder / f"class_{words.class_name(label)}", ("png",), dpi=150)
    flag = run.file("classifier_responses.flag")
    flag.write_text("".join(f"{file.name}\n" for file in sorted(folder.iterdir())), encoding="utf-8")
    return {"figures": qd.Folder(folder), "flag": flag}


def plot_training(trains: qd.Many[Any, Any], run: qd.Run) -> Result:
    """The course of trainings, of all seeds and of all values of the category."""
    category = short_name(str(trains.group["category"]))
    tables = []
    for one in trains:
        value = one.chain.get(f"train.{category}", one.chain["init.model"].get(category, ""))
        columns = [pl.lit(one.chain["init.seed"]).alias("seed"), pl.lit(as_text(value)).alias("category_value")]
        tables.append(pl.read_csv(one.result.log).with_columns(columns))
    title = f"{trains.group['model_name']}, {trains.group['data_name']}"
    figure = draw_training(pl.concat(tables, how="diagonal_relaxed"), About(title=title), category)
    return write(figure, run.file("training.pdf"))


def plot_weights(weights: Path, title: str, run: qd.Run) -> Result:
    """How the weights of a model are distributed."""
    state = torch.load(weights, weights_only=True)
    arrays = {name: value.float().numpy() for name, value in state.items() if value.is_floating_point()}
    return write(draw_weights(arrays, About(title=title)), run.file("weights.pdf"))


def compare(aggregates: qd.Many[Any, Any], run: qd.Run) -> Result:
    """Every experiment across models: accuracy, and the measure that tells most of its parameter."""
    folder = run.file("comparison/all.png").parent
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[pl.DataFrame]] = {}
    for one in aggregates:
        table = pl.read_parquet(one.result.table)
        key = f"{table['experiment'][0]}_{table['status'][0]}"
        tables.setdefault(key, []).append(table)
    names = []
    for key, those in tables.items():
        whole = pl.concat(those, how="diagonal_relaxed")
        for measure in ("accuracy", focus(str(whole["parameter"][0]))):
            figure = draw_comparison(whole, About(title=key.replace("_", ", ")), measure)
            names += [file.name for file in style.write(figure, folder / f"{key}_{measure}")]
    done = run.file("plot_experiments_on_models.done")
    done.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return {"figures": qd.Folder(folder), "done": done}


def write(figure: Figure, file: Path) -> Result:
    """Write a figure as pdf and png."""
    pdf, png = style.write(figure, file.with_suffix(""))
    return {"pdf": qd.File(pdf), "png": qd.File(png)}

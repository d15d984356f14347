"""The parameters of the tasks."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

import quadrat as qd

Tree: TypeAlias = dict[str, Any]
"""A part of a composed configuration: a mapping with `_target_`, or what one holds."""

Interval: TypeAlias = tuple[float, float]

FACTORS = {"r": "", "g": "", "b": "", "angle": "degrees", "scale": ""}
"""The factors that make an image, with their units."""

SPLITS = ("train", "val", "test", "anomaly")


class HeldOut(qd.Params):
    """What no normal sample has."""

    label: int = 9
    """class of the anomalies of kind 'digit'"""
    r: Interval = (0.0, 0.1)
    """red of the anomalies of kind 'colour'"""
    angle: Interval = (60.0, 90.0)
    """size of the angle of the anomalies of kind 'angle' (degrees)"""


class Catalog(qd.Params):
    """A data set: which digits, and between what their factors are drawn."""

    data_name: str = "COLOUR_DIGITS"
    """name of the data"""
    catalog_name: str = "rgdigit"
    source: Literal["digits", "mnist"] = "digits"
    """where the grey digits come from"""
    images: int = Field(default=0, ge=0)
    """digits that are used; 0 for all"""
    copies: int = Field(default=1, ge=1)
    """samples from each digit"""
    size: int = Field(default=16, ge=8)
    """height and width (pixels)"""
    classes: int = 10
    r: Interval = (0.3, 1.0)
    g: Interval = (0.3, 1.0)
    b: Interval = (0.3, 1.0)
    angle: Interval = (-30.0, 30.0)
    """rotation (degrees)"""
    scale: Interval = (0.7, 1.1)
    held_out: HeldOut = HeldOut()
    anomalies: int = Field(default=400, ge=0)
    """samples of each kind of anomaly"""
    val_share: float = Field(default=0.15, ge=0, le=1)
    """share of the normal digits whose samples are for validation"""
    test_share: float = Field(default=0.15, ge=0, le=1)
    seed: int = 0
    """seed of the catalog"""


class Told(qd.Params):
    """What is only told, in info files and to loggers: it changes no number, and no id."""

    param: str = ""
    """what the sweep sets"""
    val: str = ""
    """what it sets it to, as sweeps.yaml has it"""
    description: str = ""
    job_num: int = 0
    """place in the sweep"""
    loggers: list[Tree] = Field(default_factory=list)


class VaeTraining(qd.Params):
    """The training of a VAE."""

    loader: Tree
    trainer: Tree
    seed: int = 42
    """seed of the VAE"""
    told: Annotated[Told, qd.off_id()] = Told()


class FlowTraining(qd.Params):
    """The training of a flow."""

    loader: Tree
    trainer: Tree
    lr: float = Field(default=5e-4, gt=0)
    """learning rate"""
    drop_variables: tuple[str, ...] = ()
    """factors that the flow is not told"""
    seed: int = 42
    """seed"""
    told: Annotated[Told, qd.off_id()] = Told()


class Embedding(qd.Params):
    """What is embedded."""

    splits: tuple[str, ...] = ("test",)


class Testing(qd.Params):
    """Statistical tests: trees with `_target_`."""

    tests: list[Tree]


class Detecting(qd.Params):
    """Anomaly detection."""

    detectors: list[Tree]
    fit_samples: int = Field(default=3000, ge=10)
    """normal samples that detectors are fitted to"""
    bootstrap: int = Field(default=400, ge=10)
    """draws for intervals"""


class Learning(qd.Params):
    """Active learning against an oracle."""

    strategies: tuple[Literal["anomalous", "uncertain", "diverse", "random"], ...] = ("anomalous", "random")
    initial: int = Field(default=10, ge=2)
    """labels to begin with"""
    batch: int = Field(default=10, ge=1)
    """labels of a round"""
    rounds: int = Field(default=15, ge=1)
    contamination: float = Field(default=0.1, gt=0, lt=1)
    """share of anomalies in the pool"""
    repeats: int = Field(default=5, ge=1)
    """pools drawn from the embeddings of one run"""

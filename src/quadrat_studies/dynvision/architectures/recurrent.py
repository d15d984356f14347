"""Models that are recurrent by themselves: DyRCNN, CORnet-RT, CordsNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from .base import Area, Delay, Duration, Joining, Model, RecurrenceType


class DyRCNN(Model):
    """A recurrent network with biological time: r ← g(r + (dt/τ)(I − r)), with skip and feedback connections."""

    kind = "dyrcnn"
    operations = ("layer", "addskip", "addfeedback", "tstep", "nonlin", "supralin", "record", "delay", "pool")
    areas: ClassVar[tuple[Area, ...]]
    skips: ClassVar[Mapping[str, str]]
    """for each layer with a skip connection where that comes from"""
    feedbacks: ClassVar[Mapping[str, str]]
    """the same of feedback connections"""

    tau: Duration = 5.0
    """time constant τ (ms)"""
    traintau: bool = False
    """train τ, for each layer"""
    tsk: Delay = 0.0
    """delay of skip connections (ms)"""
    tfb: Delay = 30.0
    """delay of feedback connections (ms)"""
    skip: Joining = "add"
    """skip connections: add (true), mul or false"""
    feedback: Joining = False
    """feedback connections: add (true), mul or false"""
    solver: Literal["euler", "rk4"] = "euler"
    """solver of the dynamics"""
    supralin: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """exponent n of 0.8·sign(x)·|x|ⁿ after the nonlinearity; 1: without it"""
    inadapt: float = Field(default=0.0, ge=0, lt=1)
    """share w of the input that has adapted: x(t) − w·mean of x before t"""


class DyRCNNx2(DyRCNN):
    """Two areas of one convolution."""

    name: Literal["DyRCNNx2"] = "DyRCNNx2"
    areas = (Area("layer1", 36, pool="max"), Area("layer2", 64))
    skips: ClassVar[Mapping[str, str]] = {"layer2": "layer1"}
    feedbacks: ClassVar[Mapping[str, str]] = {"layer1": "layer2"}


class WithRetina(DyRCNN):
    """A model that may have a retina in front."""

    retina: bool = False
    """a retina in front: 9×9 to 36 channels, ReLU, 9×9 to 18"""


class DyRCNNx4(WithRetina):
    """Four areas of one convolution."""

    name: Literal["DyRCNNx4"] = "DyRCNNx4"
    areas = (
        Area("V1", 36, pool="max"),
        Area("V2", 64, pool="max"),
        Area("V4", 121),
        Area("IT", 256, strides=(2,)),
    )
    skips: ClassVar[Mapping[str, str]] = {"V4": "V1", "IT": "V2"}
    feedbacks: ClassVar[Mapping[str, str]] = {"V1": "V4", "V2": "IT"}


class DyRCNNx8(WithRetina):
    """Four areas of two convolutions."""

    name: Literal["DyRCNNx8"] = "DyRCNNx8"
    areas = (
        Area("V1", 64, (5, 5), (2, 1), pool="max"),
        Area("V2", 144, (3, 3), (2, 1), pool="max"),
        Area("V4", 256, (3, 3), (2, 1)),
        Area("IT", 529, (3, 3), (2, 1)),
    )
    skips: ClassVar[Mapping[str, str]] = {"V4": "V1", "IT": "V2"}
    feedbacks: ClassVar[Mapping[str, str]] = {"V1": "V4", "V2": "IT"}


class CorNetRT(Model):
    """CORnet-RT (Kubilius et al. 2018, bioRxiv 408385): four areas, each fed one step later than the one before."""

    kind = "cornet"
    operations = ("layer", "norm", "nonlin", "record", "delay")
    areas: ClassVar[tuple[Area, ...]] = (
        Area("V1", 64, (7, 3), (4, 1)),
        Area("V2", 128, (3, 3), (2, 1)),
        Area("V4", 256, (3, 3), (2, 1)),
        Area("IT", 512, (3, 3), (2, 1)),
    )
    published = True

    name: Literal["CorNetRT"] = "CorNetRT"
    tsteps: int = Field(default=5, ge=1)
    rctype: RecurrenceType = "self"
    rctarget: Literal["output", "input", "middle"] = "middle"
    trc: Delay = 2.0
    tff: Delay = 2.0


class CordsNet(Model):
    """CordsNet (Soo et al. 2024): a residual network of continuous dynamics."""

    kind = "cordsnet"
    operations = ("addskip", "layer", "addbias", "pool", "nonlin", "tstep", "nonlin2", "record", "delay")
    channels: ClassVar[tuple[int, ...]] = (64, 64, 64, 128, 128, 256, 256, 512, 512)
    strides: ClassVar[tuple[int, ...]] = (2, 1, 1, 2, 1, 2, 1, 2, 1)

    name: Literal["CordsNet"] = "CordsNet"
    tsteps: int = Field(default=100, ge=1)
    idle: int = Field(default=100, ge=0)
    tau: Duration = 10.0
    """time constant τ (ms)"""
    traintau: bool = False
    """train τ, for each layer"""
    trc: Delay = 2.0
    tff: Delay = 2.0
    tsk: Delay = 2.0
    """delay of skip connections (ms)"""
    solver: Literal["euler", "rk4"] = "euler"
    """solver of the dynamics"""

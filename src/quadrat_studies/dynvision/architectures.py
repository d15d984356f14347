"""The models as data: what can be set of each, and what it is made of. Adding a model is adding a class.

Nothing here imports torch: `networks.build` makes a network of a model.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

import pydantic
from pydantic import Field

import quadrat as qd
from quadrat import BadInput

RECURRENCE = (
    "full",
    "self",
    "depthwise",
    "pointwise",
    "depthpointwise",
    "pointdepthwise",
    "local",
    "localdepthwise",
    "none",
)
RecurrenceType = Literal[
    "full", "self", "depthwise", "pointwise", "depthpointwise", "pointdepthwise", "local", "localdepthwise", "none"
]
Integration = Literal["add", "mul"]


@dataclass(frozen=True)
class Area:
    """A layer: one or two convolutions, and a recurrence of its activity.

    Attributes:
        name: such as "V1".
        channels: of all its convolutions.
        kernels: sides of the convolution kernels, one for each; the recurrent kernel has the side of the first.
        strides: their strides.
        pool: what follows: "max" (3×3, stride 2, padding 1), or nothing.
    """

    name: str
    channels: int
    kernels: tuple[int, ...] = (3,)
    strides: tuple[int, ...] = (1,)
    pool: Literal["max", ""] = ""


MODELS: dict[str, type[Model]] = {}
"""Every model by its name."""


class Model(qd.Params):
    """What all models have. A class with a `name` of its own is a model; `kind` names the module that builds it."""

    kind: ClassVar[str]
    operations: ClassVar[tuple[str, ...]]
    published: ClassVar[bool] = False
    """whether there are weights to begin with"""

    name: str
    tsteps: int = Field(default=20, ge=1)
    """time steps of a training image"""
    dt: float = Field(default=2.0, gt=0)
    """time step (ms)"""
    trc: float = Field(default=6.0, ge=0)
    """delay of recurrence (ms)"""
    tff: float = Field(default=0.0, ge=0)
    """delay from layer to layer (ms)"""
    rctype: RecurrenceType = "full"
    """recurrence"""
    rctarget: Literal["output", "input", "middle"] = "output"
    """where recurrence arrives: after the last convolution, before the first, or between the two"""
    idle: int = Field(default=0, ge=0)
    """steps without input before the first frame"""
    ffonly: bool = False
    """no recurrence, skip and feedback"""
    tbptt: int | None = Field(default=None, ge=1)
    """steps after which gradients end; null: never"""

    @classmethod
    def __pydantic_init_subclass__(cls, **more: Any) -> None:
        """Enter a model into `MODELS`."""
        super().__pydantic_init_subclass__(**more)
        name = cls.model_fields["name"].default
        if isinstance(name, str):
            MODELS[name] = cls

    def steps(self, delay: float) -> int:
        """Time steps of a delay in ms: whole ones, what is left over does not count."""
        return math.floor(delay / self.dt + 1e-9)


class DyRCNN(Model):
    """A recurrent network with biological time: r ← g(r + (dt/τ)(I − r)), with skip and feedback connections."""

    kind = "dyrcnn"
    operations = ("layer", "addskip", "addfeedback", "tstep", "nonlin", "supralin", "record", "delay", "pool")
    areas: ClassVar[tuple[Area, ...]]
    skips: ClassVar[Mapping[str, str]]
    """for each layer with a skip connection where that comes from"""
    feedbacks: ClassVar[Mapping[str, str]]
    """the same of feedback connections"""

    tau: float = Field(default=5.0, gt=0)
    """time constant τ (ms)"""
    traintau: bool = False
    """train τ, for each layer"""
    tsk: float = Field(default=0.0, ge=0)
    """delay of skip connections (ms)"""
    tfb: float = Field(default=30.0, ge=0)
    """delay of feedback connections (ms)"""
    skip: bool | Integration = True
    """skip connections: add (true), mul or false"""
    feedback: bool | Integration = False
    """feedback connections: add (true), mul or false"""
    solver: Literal["euler", "rk4"] = "euler"
    """solver of the dynamics"""
    supralin: float = Field(default=1.0, gt=0)
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
    trc: float = Field(default=2.0, ge=0)
    tff: float = Field(default=2.0, ge=0)


class CordsNet(Model):
    """CordsNet (Soo et al. 2024): a residual network of continuous dynamics."""

    kind = "cordsnet"
    operations = ("addskip", "layer", "addbias", "pool", "nonlin", "tstep", "nonlin2", "record", "delay")
    channels: ClassVar[tuple[int, ...]] = (64, 64, 64, 128, 128, 256, 256, 512, 512)
    strides: ClassVar[tuple[int, ...]] = (2, 1, 1, 2, 1, 2, 1, 2, 1)

    name: Literal["CordsNet"] = "CordsNet"
    tsteps: int = Field(default=100, ge=1)
    idle: int = Field(default=100, ge=0)
    tau: float = Field(default=10.0, gt=0)
    """time constant τ (ms)"""
    traintau: bool = False
    """train τ, for each layer"""
    trc: float = Field(default=2.0, ge=0)
    tff: float = Field(default=2.0, ge=0)
    tsk: float = Field(default=2.0, ge=0)
    """delay of skip connections (ms)"""
    solver: Literal["euler", "rk4"] = "euler"
    """solver of the dynamics"""


class AlexNet(Model):
    """AlexNet (Krizhevsky 2014, arXiv 1404.5997) with recurrence at each convolution."""

    kind = "alexnet"
    operations = ("layer", "nonlin", "record", "delay", "pool")
    published = True

    name: Literal["AlexNet"] = "AlexNet"
    tsteps: int = Field(default=10, ge=1)
    rctype: RecurrenceType = "none"
    trc: float = Field(default=2.0, ge=0)


class ResNet(Model):
    """A residual network (He et al. 2016, arXiv 1512.03385) with recurrence at the stem and at each stage."""

    kind = "resnet"
    operations = ("layer", "nonlin", "record", "delay", "pool")
    blocks: ClassVar[tuple[int, ...]]
    """residual blocks of each stage"""
    widths: ClassVar[tuple[int, ...]] = (64, 128, 256, 512)
    """channels of each stage"""
    bottleneck: ClassVar[bool] = False
    is_small: ClassVar[bool] = False
    """the family for small images: a 3×3 stem without pooling"""

    tsteps: int = Field(default=10, ge=1)
    rctype: RecurrenceType = "none"
    trc: float = Field(default=2.0, ge=0)


class ResNet18(ResNet):
    """18 layers."""

    name: Literal["ResNet18"] = "ResNet18"
    blocks = (2, 2, 2, 2)
    published = True


class ResNet34(ResNet):
    """34 layers."""

    name: Literal["ResNet34"] = "ResNet34"
    blocks = (3, 4, 6, 3)
    published = True


class ResNet50(ResNet):
    """50 layers."""

    name: Literal["ResNet50"] = "ResNet50"
    blocks = (3, 4, 6, 3)
    bottleneck = True
    published = True


class ResNet101(ResNet):
    """101 layers."""

    name: Literal["ResNet101"] = "ResNet101"
    blocks = (3, 4, 23, 3)
    bottleneck = True
    published = True


class ResNet152(ResNet):
    """152 layers."""

    name: Literal["ResNet152"] = "ResNet152"
    blocks = (3, 8, 36, 3)
    bottleneck = True
    published = True


class SmallResNet(ResNet):
    """The family for 32×32 images: 6n + 2 layers in three stages."""

    widths = (16, 32, 64)
    is_small = True


class ResNet20(SmallResNet):
    """20 layers."""

    name: Literal["ResNet20"] = "ResNet20"
    blocks = (3, 3, 3)


class ResNet32(SmallResNet):
    """32 layers."""

    name: Literal["ResNet32"] = "ResNet32"
    blocks = (5, 5, 5)


class ResNet44(SmallResNet):
    """44 layers."""

    name: Literal["ResNet44"] = "ResNet44"
    blocks = (7, 7, 7)


class ResNet56(SmallResNet):
    """56 layers."""

    name: Literal["ResNet56"] = "ResNet56"
    blocks = (9, 9, 9)


class ResNet110(SmallResNet):
    """110 layers."""

    name: Literal["ResNet110"] = "ResNet110"
    blocks = (18, 18, 18)


class ResNet1202(SmallResNet):
    """1202 layers."""

    name: Literal["ResNet1202"] = "ResNet1202"
    blocks = (200, 200, 200)


if TYPE_CHECKING:
    AnyModel = Model
else:
    AnyModel = Annotated[Union[tuple(MODELS.values())], Field(discriminator="name")]  # noqa: UP007

LONG_NAMES = {
    "n_timesteps": "tsteps",
    "recurrence_type": "rctype",
    "recurrence_target": "rctarget",
    "t_recurrence": "trc",
    "t_feedforward": "tff",
    "t_skip": "tsk",
    "t_feedback": "tfb",
    "train_tau": "traintau",
    "dynamics_solver": "solver",
    "supralinearity": "supralin",
    "input_adaption_weight": "inadapt",
    "idle_timesteps": "idle",
    "feedforward_only": "ffonly",
    "truncated_bptt_timesteps": "tbptt",
    "use_retina": "retina",
}
"""The arguments of models by the longer names that they also have."""


def make_model(name: str, args: Mapping[str, Any]) -> Model:
    """A model from its name and its arguments, by short or long names.

    Raises:
        BadInput: for a model or an argument that does not exist, or a value that cannot be.
    """
    if name not in MODELS:
        raise _unknown("model", name, MODELS, "model_name")
    kind = MODELS[name]
    known = [one for one in kind.model_fields if one != "name"]
    short = {LONG_NAMES.get(key, key): value for key, value in args.items()}
    for key in short:
        if key not in known:
            raise _unknown(f"argument of {name}", key, known, "model_args")
    try:
        made = kind.model_validate(short)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(["model_args", str(first["loc"][0])])
        raise BadInput(
            f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}, not {first['input']!r}", where=where
        ) from None
    check_model(made)
    return made


def check_model(model: Model) -> None:
    """Whether the arguments of a model fit together.

    Raises:
        BadInput: for recurrence in the middle of layers that have no middle, or local recurrence of channels that
            make no square.
    """
    areas = getattr(model, "areas", None)
    if model.rctarget == "middle" and model.rctype != "none" and not (areas and len(areas[0].kernels) == 2):
        raise BadInput(
            f"the layers of {model.name} have no middle: they have one convolution each",
            where="model_args.rctarget",
            hint="rctarget=output or input; DyRCNNx8 has two convolutions in a layer",
        )
    if model.rctype.startswith("local") and areas is None:
        raise BadInput(
            f"{model.name} has no cortical plane: its channels make no squares",
            where="model_args.rctype",
            hint="the DyRCNN models have one",
        )
    for area in areas or ():
        if model.rctype.startswith("local") and math.isqrt(area.channels) ** 2 != area.channels:
            raise BadInput(
                f"{model.name} has no cortical plane: {area.channels} channels of {area.name} make no square",
                where="model_args.rctype",
                hint="the DyRCNN models have one",
            )


def check_published(model: Model) -> None:
    """Whether there are published weights for a model.

    Raises:
        BadInput: where there are none.
    """
    if not model.published:
        known = ", ".join(name for name, kind in MODELS.items() if kind.published)
        raise BadInput(
            f"there are no published weights for {model.name}",
            where="init_with_pretrained",
            hint=f"there are for {known}",
        )


def _unknown(kind: str, given: str, known: Iterable[str], where: str) -> BadInput:
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    return BadInput(
        f"there is no {kind} '{given}'",
        where=where,
        hint=f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}",
    )

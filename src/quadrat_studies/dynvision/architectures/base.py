"""What all models have, and how a model is told: as data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

import quadrat as qd

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
KEEPS_CHANNELS = ("self", "depthwise", "local", "localdepthwise")
"""Types of recurrence whose signal has as many channels as the activity that it comes from."""
Joining = Annotated[Literal[False, "add", "mul"], BeforeValidator(lambda value: "add" if value is True else value)]
"""How a connection joins; true is "add", so that the two are one model."""
Delay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Duration = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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
    dt: Duration = 2.0
    """time step (ms)"""
    trc: Delay = 6.0
    """delay of recurrence (ms)"""
    tff: Delay = 0.0
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

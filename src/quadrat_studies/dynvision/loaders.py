"""Stimuli in time as data: when an image is there, and what is done to it. Adding a loader is adding a class.

All durations are time steps. Nothing here imports torch: `stimuli.present` makes tensors of a loader, and has to know
one that changes images.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, repeat
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union

import pydantic
from pydantic import Field, model_validator

import quadrat as qd
from quadrat import BadInput

from .faults import unknown

NoiseType = Literal["uniform", "gaussian", "gaussiancorr", "saltpepper", "poisson", "phasescrambled"]
TemporalMode = Literal["dynamic", "static", "correlated"]

LOADERS: dict[str, type[Loader]] = {}
"""Every loader by its name."""


class Part(NamedTuple):
    """A stretch of a sequence: the argument that says how long it is, its steps, and whether the stimulus is there."""

    name: str
    steps: int
    is_shown: bool


class Loader(qd.Params):
    """What all loaders have. A class with a `name` of its own is a loader."""

    name: str
    dsteps: int = Field(default=20, ge=1)
    """time steps of the sequence"""
    voidinput: float = Field(default=0.0, allow_inf_nan=False)
    """value of blank frames; 0 is the mean of the data"""

    @classmethod
    def __pydantic_init_subclass__(cls, **more: Any) -> None:
        """Enter a loader into `LOADERS`."""
        super().__pydantic_init_subclass__(**more)
        name = cls.model_fields["name"].default
        if isinstance(name, str):
            LOADERS[name] = cls

    @model_validator(mode="after")
    def _fits(self) -> Loader:
        parts = self.parts()
        steps = sum(part.steps for part in parts)
        if steps > self.dsteps:
            told = " + ".join(f"{part.name} {part.steps}" for part in parts)
            raise ValueError(f"{told} is {steps} steps, and the sequence has dsteps {self.dsteps}")
        return self

    def parts(self) -> tuple[Part, ...]:
        """The stretches of the sequence; after them it is blank. By default the stimulus is always there."""
        return (Part("dsteps", self.dsteps, True),)

    @property
    def is_changing(self) -> bool:
        """Whether each step at which the stimulus is there has a frame of its own; else one frame serves all."""
        return False

    def order(self) -> tuple[int, ...]:
        """Which frame is shown at each of the `dsteps` steps; −1 is the blank frame."""
        frames = count() if self.is_changing else repeat(0)
        shown = [part.is_shown for part in self.parts() for _ in range(part.steps)]
        blank = (-1,) * (self.dsteps - len(shown))
        return tuple(next(frames) if one else -1 for one in shown) + blank

    @property
    def n_frames(self) -> int:
        """Frames that there are of an image, without the blank one."""
        return 1 + max(self.order())


class Standard(Loader):
    """The image at every step."""

    name: Literal["Standard"] = "Standard"


class StimulusRepetition(Loader):
    """The image at every step, as often as it is repeated (`repeat` is another name of `dsteps`)."""

    name: Literal["StimulusRepetition"] = "StimulusRepetition"


class StimulusDuration(Loader):
    """Blank, the image, blank."""

    name: Literal["StimulusDuration"] = "StimulusDuration"
    dsteps: int = Field(default=30, ge=1)
    stim: int = Field(default=20, ge=1)
    """steps of the stimulus"""
    intro: int = Field(default=1, ge=0)
    """blank steps before it"""

    def parts(self) -> tuple[Part, ...]:
        """Intro and stimulus."""
        return (Part("intro", self.intro, False), Part("stim", self.stim, True))


class StimulusInterval(Loader):
    """Blank, the image, blank, the image again, blank."""

    name: Literal["StimulusInterval"] = "StimulusInterval"
    dsteps: int = Field(default=30, ge=1)
    stim: int = Field(default=2, ge=1)
    """steps of each of the two stimuli"""
    intro: int = Field(default=0, ge=0)
    """blank steps before the first"""
    interval: int = Field(default=2, ge=0)
    """blank steps between the two"""

    def parts(self) -> tuple[Part, ...]:
        """Intro, stimulus, interval, stimulus."""
        stim = Part("stim", self.stim, True)
        return (Part("intro", self.intro, False), stim, Part("interval", self.interval, False), stim)


class StimulusContrast(Loader):
    """Blank, the image at some contrast, blank."""

    name: Literal["StimulusContrast"] = "StimulusContrast"
    dsteps: int = Field(default=15, ge=1)
    stim: int = Field(default=10, ge=1)
    """steps of the stimulus"""
    intro: int = Field(default=2, ge=0)
    """blank steps before it"""
    contrast: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """factor of the normalised image: 1 leaves it as it is, 0 leaves mean grey"""

    def parts(self) -> tuple[Part, ...]:
        """Intro and stimulus."""
        return (Part("intro", self.intro, False), Part("stim", self.stim, True))


class StimulusNoise(Loader):
    """Blank, the image in noise, blank. Blank frames have no noise. `stimuli.noise` says what each type is."""

    name: Literal["StimulusNoise"] = "StimulusNoise"
    stim: int | None = Field(default=None, ge=1)
    """steps of the stimulus; null: all that are left"""
    intro: int = Field(default=0, ge=0)
    """blank steps before it"""
    noisetype: NoiseType = "gaussian"
    """type of noise; gaussiancorr is correlated in space, which `spatialcorr` of gaussian is another way to say"""
    ssnr: float = Field(default=0.5, ge=0, le=1)
    """signal / (signal + noise) in power: 1 is no noise, 0 noise alone, as strong as the image would be"""
    tempmode: TemporalMode = "dynamic"
    """noise in time: new at each step, always the same, or correlated from step to step (by 0.8)"""

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, values: Any) -> Any:
        """Let gaussian noise with `spatialcorr` be gaussiancorr, so that one kind of noise has one id."""
        if not isinstance(values, Mapping) or "spatialcorr" not in values:
            return values
        rest = {key: value for key, value in values.items() if key != "spatialcorr"}
        wanted, noisetype = values["spatialcorr"], rest.get("noisetype", "gaussian")
        if not isinstance(wanted, bool):
            raise ValueError(f"spatialcorr should be true or false, not {wanted!r}")
        fits = noisetype in ("gaussian", "gaussiancorr") if wanted else noisetype != "gaussiancorr"
        if not fits:
            raise ValueError(f"spatialcorr is {str(wanted).lower()}, and noisetype is {noisetype}")
        return rest | {"noisetype": "gaussiancorr"} if wanted else rest

    def parts(self) -> tuple[Part, ...]:
        """Intro and stimulus."""
        stim = max(1, self.dsteps - self.intro) if self.stim is None else self.stim
        return (Part("intro", self.intro, False), Part("stim", stim, True))

    @property
    def is_changing(self) -> bool:
        """Whether there is noise that changes."""
        return self.ssnr < 1 and self.tempmode != "static"


if TYPE_CHECKING:
    AnyLoader = Loader
else:
    AnyLoader = Annotated[Union[tuple(LOADERS.values())], Field(discriminator="name")]  # noqa: UP007

ALIASES = {
    "n_timesteps": "dsteps",
    "data_timesteps": "dsteps",
    "tsteps": "dsteps",
    "repeat": "dsteps",
    "stimulus_duration": "stim",
    "intro_duration": "intro",
    "interval_duration": "interval",
    "noise_type": "noisetype",
    "noiselevel": "ssnr",
    "temporal_mode": "tempmode",
    "non_input_value": "voidinput",
}
"""The arguments of loaders by the further names that they also have."""


def make_loader(name: str, args: Mapping[str, Any]) -> Loader:
    """A loader from its name and its arguments, by any of their names; values are read strictly (1 is not "1").

    Raises:
        BadInput: for a loader or an argument that does not exist, with the nearest one; an argument twice; a value that
            cannot be; or a stimulus that is longer than the sequence.
    """
    if name not in LOADERS:
        raise unknown("data loader", name, LOADERS, "data_loader")
    given: dict[str, Any] = {}
    for key, value in args.items():
        short = ALIASES.get(key, key)
        if short in given:
            raise BadInput(f"{name}: '{short}' is given twice, by two of its names", where=f"data_args.{short}")
        given[short] = value
    try:
        return LOADERS[name].model_validate(given, strict=True)
    except pydantic.ValidationError as error:
        raise _told(name, error) from None


def _told(name: str, error: pydantic.ValidationError) -> BadInput:
    """The first thing that is wrong with a loader's arguments."""
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    where = f"data_args.{key}" if key else "data_args"
    if first["type"] == "extra_forbidden":
        return unknown(f"argument of {name}", key, [one for one in LOADERS[name].model_fields if one != "name"], where)
    said = first["msg"].removeprefix("Value error, ")
    if not key:
        return BadInput(f"{name}: {said}", where=where)
    return BadInput(f"{name}: {said[:1].lower()}{said[1:]}, not {first['input']!r}", where=where)

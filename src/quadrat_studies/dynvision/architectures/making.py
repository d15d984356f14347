"""Models by their names and arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args

import pydantic
from pydantic import Field

from quadrat import BadInput

from ..faults import unknown
from . import recurrent, wrapped  # noqa: F401 - which enter their models
from .base import KEEPS_CHANNELS, MODELS, Model

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
        BadInput: for a model or an argument that does not exist, an argument that is given by both of its names, or a
            value that cannot be.
    """
    if name not in MODELS:
        raise unknown("model", name, MODELS, "model_name")
    kind = MODELS[name]
    known = [one for one in kind.model_fields if one != "name"]
    short: dict[str, Any] = {}
    for key, value in args.items():
        own = LONG_NAMES.get(key, key)
        if own not in known:
            raise unknown(f"argument of {name}", own, known, "model_args")
        if own in short:
            raise BadInput(f"{name}: '{own}' is given twice, by its short and its long name", where="model_args")
        if isinstance(value, bool) and not any(one is bool or isinstance(one, bool) for one in _types(kind, own)):
            raise BadInput(f"{name}: input should be a value, not {str(value).lower()}", where=f"model_args.{own}")
        short[own] = value
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
        BadInput: for recurrence in the middle of layers that have no middle, recurrence that keeps its channels at an
            input that has others, or local recurrence of channels that make no square.
    """
    areas = getattr(model, "areas", None)
    widths = {area.channels for area in areas or ()}
    if model.rctarget == "input" and model.rctype in KEEPS_CHANNELS and len(widths) != 1:
        raise BadInput(
            f"recurrence of type '{model.rctype}' keeps its channels, and inputs in {model.name} have others",
            where="model_args.rctarget",
            hint="rctarget=output, or rctype=full, pointwise, depthpointwise or pointdepthwise",
        )
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


def _types(kind: type[Model], name: str) -> tuple[Any, ...]:
    """What a value of a field may be."""
    annotation = kind.model_fields[name].annotation
    return annotation, *get_args(annotation)

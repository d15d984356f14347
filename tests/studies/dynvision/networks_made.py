"""Networks that are small enough for many tests: every kind of model with few channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch

from quadrat_studies.dynvision.architectures import (
    MODELS,
    Area,
    CordsNet,
    CorNetRT,
    DyRCNN,
    DyRCNNx4,
    Model,
    ResNet,
)
from quadrat_studies.dynvision.networks import RecurrentNetwork, build


class Two(DyRCNN):
    """As DyRCNNx2."""

    name: Literal["Two"] = "Two"
    areas = (Area("one", 4, pool="max"), Area("two", 9))
    skips: ClassVar[Mapping[str, str]] = {"two": "one"}
    feedbacks: ClassVar[Mapping[str, str]] = {"one": "two"}


class Four(DyRCNNx4):
    """As DyRCNNx4, with a skip connection between areas of the same channels."""

    name: Literal["Four"] = "Four"  # type: ignore[assignment]
    areas = (Area("V1", 4, pool="max"), Area("V2", 9), Area("V4", 4), Area("IT", 16, strides=(2,)))


class Eight(DyRCNNx4):
    """As DyRCNNx8."""

    name: Literal["Eight"] = "Eight"  # type: ignore[assignment]
    areas = (
        Area("V1", 4, (5, 5), (2, 1), pool="max"),
        Area("V2", 9, (3, 3), (1, 1)),
        Area("V4", 4, (3, 3), (2, 1)),
        Area("IT", 9, (3, 3), (2, 1)),
    )


class Cor(CorNetRT):
    """As CorNetRT."""

    name: Literal["Cor"] = "Cor"  # type: ignore[assignment]
    areas = (Area("V1", 64, (3, 3), (2, 1)), Area("V2", 64, (3, 3), (2, 1)))


class Cords(CordsNet):
    """As CordsNet."""

    name: Literal["Cords"] = "Cords"  # type: ignore[assignment]
    channels = (4, 4, 4, 5, 5, 6, 6, 7, 7)


class Res(ResNet):
    """As the ResNets for small images."""

    name: Literal["Res"] = "Res"
    blocks = (1, 2)
    widths = (4, 6)
    is_small = True


class Same(DyRCNN):
    """Two areas with as many channels as the images."""

    name: Literal["Same"] = "Same"
    areas = (Area("one", 4), Area("two", 4))
    skips: ClassVar[Mapping[str, str]] = {"two": "one"}
    feedbacks: ClassVar[Mapping[str, str]] = {"one": "two"}


SMALL: dict[str, tuple[type[Model], tuple[int, int, int]]] = {
    "Two": (Two, (2, 7, 6)),
    "Four": (Four, (1, 8, 8)),
    "Eight": (Eight, (1, 9, 8)),
    "Cor": (Cor, (1, 16, 16)),
    "Cords": (Cords, (2, 16, 16)),
    "Res": (Res, (1, 6, 6)),
    "Same": (Same, (4, 8, 8)),
}
"""Every one with the (C, H, W) of its images."""
for _name in SMALL:
    del MODELS[_name]  # other tests ask for all models that there are


def small(name: str, classes: int = 4, **args: Any) -> RecurrentNetwork:
    """A small network whose recurrence and connections matter; at first they are nearly 0."""
    kind, image = SMALL[name]
    return strengthened(build(kind(**args), classes, image, seed=3))


def strengthened(network: RecurrentNetwork) -> RecurrentNetwork:
    """The network with weights of which each has an effect."""
    generator = torch.Generator().manual_seed(2)
    for name, parameter in network.named_parameters():
        if "tau" not in name and "norm" not in name and parameter.requires_grad:
            fan = parameter[0].numel() if parameter.ndim > 1 else 4
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * (1.2 / fan) ** 0.5)
    return network

"""Feedforward models that may have recurrence at each layer: AlexNet and the residual networks."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .base import Delay, Model, RecurrenceType


class AlexNet(Model):
    """AlexNet (Krizhevsky 2014, arXiv 1404.5997) with recurrence at each convolution."""

    kind = "alexnet"
    operations = ("layer", "nonlin", "record", "delay", "pool")
    published = True

    name: Literal["AlexNet"] = "AlexNet"
    tsteps: int = Field(default=10, ge=1)
    rctype: RecurrenceType = "none"
    trc: Delay = 2.0


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
    rctarget: Literal["output"] = "output"
    trc: Delay = 2.0


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

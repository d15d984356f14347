"""AlexNet (Krizhevsky 2014, arXiv 1404.5997), with recurrence at each convolution."""

from __future__ import annotations

from functools import partial

from torch import nn

from ..architectures import AlexNet
from .base import RecurrentNetwork
from .layers import ConvLayer, check_size
from .recurrence import make_recurrence
from .starting import start_recurrence

LAYERS = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)
"""For each convolution: channels, kernel, stride, padding, and whether a pooling follows."""
HIDDEN, GRID = 4096, 6


class AlexNetwork(RecurrentNetwork):
    """Five convolutions and three linear layers.

    Args:
        model: its arguments.
        n_classes: number of classes.
        image: (C, H, W).

    Raises:
        BadInput: for images that are too small.
    """

    def __init__(self, model: AlexNet, n_classes: int, image: tuple[int, int, int]) -> None:
        names = [f"conv{number + 1}" for number in range(len(LAYERS))]
        super().__init__(model, image, names)
        channels, size = image[0], image[1:]
        for name, (wide, kernel, stride, padding, is_pooled) in zip(names, LAYERS, strict=True):
            layer = ConvLayer(
                (channels, wide),
                (kernel,),
                (stride,),
                size,
                make=partial(make_recurrence, model.rctype, kernel=kernel),
                target=model.rctarget if model.rctype != "none" else "output",
                delay=max(1, model.steps(model.trc)),
                paddings=(padding,),
            )
            if layer.recurrence is not None:
                start_recurrence(layer.recurrence)
            setattr(self, name, layer)
            channels, size = layer.shape[0], layer.shape[1:]
            if is_pooled:
                setattr(self, f"pool_{name}", nn.MaxPool2d(3, 2))
                size = ((size[0] - 3) // 2 + 1, (size[1] - 3) // 2 + 1)
                check_size(size, f"the pooling after {name}")
        self.nonlin = nn.ReLU()
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(GRID),
            nn.Flatten(),
            nn.Dropout(),
            nn.Linear(channels * GRID * GRID, HIDDEN),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, n_classes),
        )

"""The models as torch networks."""

from __future__ import annotations

import torch

from ..architectures import AlexNet, CordsNet, CorNetRT, DyRCNN, Model, ResNet, check_model
from .alexnet import AlexNetwork
from .base import RecurrentNetwork
from .cordsnet import CordsNetwork
from .cornet import CorNetNetwork
from .dyrcnn import DyRCNNNetwork
from .pretrained import freeze, load_pretrained
from .resnet import ResNetwork

__all__ = ["RecurrentNetwork", "build", "freeze", "load_pretrained"]


def build(model: Model, n_classes: int, image: tuple[int, int, int], seed: int) -> RecurrentNetwork:
    """The network of a model, with first weights from a seed.

    Args:
        model: the model with its arguments.
        n_classes: number of classes.
        image: (C, H, W) of the images.
        seed: of the weights; the global generator is left as it is.

    Raises:
        BadInput: for arguments that do not fit together, or images that are too small.
    """
    check_model(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _made(model, n_classes, image)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stubs lack it
    return network


def _made(model: Model, n_classes: int, image: tuple[int, int, int]) -> RecurrentNetwork:
    if isinstance(model, DyRCNN):
        return DyRCNNNetwork(model, n_classes, image)
    if isinstance(model, CorNetRT):
        return CorNetNetwork(model, n_classes, image)
    if isinstance(model, CordsNet):
        return CordsNetwork(model, n_classes, image)
    if isinstance(model, AlexNet):
        return AlexNetwork(model, n_classes, image)
    if isinstance(model, ResNet):
        return ResNetwork(model, n_classes, image)
    raise TypeError(f"no network for {type(model).__name__}")

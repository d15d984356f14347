"""The models as data: what can be set of each, and what it is made of. Adding a model is adding a class.

Nothing here imports torch: `networks.build` makes a network of a model.
"""

from .base import KEEPS_CHANNELS, MODELS, RECURRENCE, Area, Model
from .making import LONG_NAMES, AnyModel, check_model, check_published, make_model
from .recurrent import CordsNet, CorNetRT, DyRCNN, DyRCNNx2, DyRCNNx4, DyRCNNx8
from .wrapped import AlexNet, ResNet

__all__ = [
    "KEEPS_CHANNELS",
    "LONG_NAMES",
    "MODELS",
    "RECURRENCE",
    "AlexNet",
    "AnyModel",
    "Area",
    "CorNetRT",
    "CordsNet",
    "DyRCNN",
    "DyRCNNx2",
    "DyRCNNx4",
    "DyRCNNx8",
    "Model",
    "ResNet",
    "check_model",
    "check_published",
    "make_model",
]

"""Published weights, brought onto the names that the layers have here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from quadrat import BadInput

from ..architectures import check_published
from .base import RecurrentNetwork

_TORCHVISION = "https://download.pytorch.org/models/"
# The digits at the end of each name are the beginning of the file's SHA-256.
FILES = {
    "AlexNet": f"{_TORCHVISION}alexnet-owt-7be5be79.pth",
    "ResNet18": f"{_TORCHVISION}resnet18-f37072fd.pth",
    "ResNet34": f"{_TORCHVISION}resnet34-b627a593.pth",
    "ResNet50": f"{_TORCHVISION}resnet50-0676ba61.pth",
    "ResNet101": f"{_TORCHVISION}resnet101-63fe2227.pth",
    "ResNet152": f"{_TORCHVISION}resnet152-394f9c45.pth",
    "CorNetRT": "https://s3.amazonaws.com/cornet-models/cornet_rt-933c001c.pth",
}
# Published names and ours, as patterns.
_NAMES = {
    "alexnet": [
        (r"features\.0\.", "conv1.conv."),
        (r"features\.3\.", "conv2.conv."),
        (r"features\.6\.", "conv3.conv."),
        (r"features\.8\.", "conv4.conv."),
        (r"features\.10\.", "conv5.conv."),
        (r"classifier\.1\.", "classifier.3."),
        (r"classifier\.4\.", "classifier.6."),
        (r"classifier\.6\.", "classifier.8."),
    ],
    "resnet": [
        (r"conv1\.", "conv1.blocks.conv."),
        (r"bn1\.", "conv1.blocks.bn."),
        (r"(layer\d)\.", r"\1.blocks."),
        (r"fc\.", "classifier.2."),
    ],
    "cornet": [
        (r"(?:module\.)?(\w+)\.conv_input\.", r"\1.conv."),
        (r"(?:module\.)?(\w+)\.norm_input\.", r"\1.mid_modules."),
        (r"(?:module\.)?(\w+)\.conv1\.", r"\1.conv2."),
        (r"(?:module\.)?(\w+)\.norm1\.", r"norm_\1."),
        (r"(?:module\.)?decoder\.linear\.", "classifier.2."),
    ],
}


def load_pretrained(network: RecurrentNetwork, *, url: str | None = None, folder: Path | None = None) -> None:
    """Give a network the published weights, and let only its last linear layer be trained.

    That layer keeps its own first weights where it has another number of classes than the published one.

    Args:
        network: the network.
        url: where the file is, whose name ends with the beginning of its SHA-256; None is where it was published.
        folder: where files are kept; None is torch's own cache.

    Raises:
        BadInput: for a model without published weights, no network, a file that is damaged or of another model.
    """
    model = network.model
    check_published(model)
    where = url or FILES[model.name]
    kept = folder or Path(torch.hub.get_dir()) / "checkpoints"
    take(network, _read(_fetched(where, kept)), where)
    freeze(network)


def _fetched(where: str, kept: Path) -> Path:
    """The file in the folder, which is downloaded where it is not there; its name tells the checksum it must have."""
    name = where.rpartition("/")[2]
    checksum = name.removesuffix(".pth").rpartition("-")[2]
    file = kept / name
    try:
        if not file.is_file():
            kept.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(where, str(file), hash_prefix=checksum, progress=False)
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        hint = f"put the file {name} into {kept}"
        raise BadInput(f"the weights cannot be downloaded ({error})", where=where, hint=hint) from None
    except (RuntimeError, HTTPException) as error:  # what is not as published is not kept
        raise BadInput(f"the download of the weights is damaged ({error})", where=where, hint="try again") from None
    if not found.startswith(checksum):
        raise BadInput(
            "the file of weights is damaged: its checksum is not the one in its name",
            where=str(file),
            hint="delete it, and it is downloaded again",
        )
    return file


def _read(file: Path) -> Mapping[str, Tensor]:
    """The tensors of a file of weights, by their names; nothing in it is executed."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        return {name: value for name, value in state.items() if isinstance(value, Tensor)}
    except (RuntimeError, EOFError, ValueError, AttributeError, UnpicklingError):
        raise BadInput("the file has no weights, or more than weights", where=str(file)) from None


def take(network: RecurrentNetwork, published: Mapping[str, Tensor], where: str) -> None:
    """Load weights by their published names.

    Raises:
        BadInput: where they are not those of the network.
    """
    renamed = {_renamed(name, network.model.kind): value for name, value in published.items()}
    own = network.state_dict()
    last = [name for name in own if name.startswith("classifier")][-2:]
    for name in last:
        if name in renamed and renamed[name].shape != own[name].shape:
            del renamed[name]
    unknown = sorted(renamed.keys() - own.keys())
    lacking = [name for name in own if name not in (*renamed, *last) and "recurrence" not in name]
    wrong = [name for name, value in renamed.items() if name in own and value.shape != own[name].shape]
    for names, what in ((unknown, "has"), (lacking, "lacks"), (wrong, "has another shape of")):
        if names:
            raise BadInput(f"the file is of another model than {network.model.name}: it {what} {names[0]}", where=where)
    network.load_state_dict({**own, **renamed})


def freeze(network: RecurrentNetwork) -> None:
    """Let only the last linear layer be trained."""
    last = [name for name, _ in network.named_parameters() if name.startswith("classifier")][-2:]
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in last)


def _renamed(name: str, kind: str) -> str:
    for pattern, ours in _NAMES[kind]:
        found = re.match(pattern, name)
        if found:
            return found.expand(ours) + name[found.end() :]
    return name

"""The stored data set as tensors, opened once per process and shared by all runs in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from quadrat import BadInput

from .datasets import Arrays

CLASSES = 10


@dataclass(frozen=True, eq=False)
class Tensors:
    """A data set ready for training.

    Attributes:
        train_images, test_images: (N, D) uint8 with D = H * W, 0 to `white`.
        train_labels, test_labels: (N,) int64.
        shape: (H, W) of one image.
        white, mean, std: as in `Arrays`.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    shape: tuple[int, int]
    white: int
    mean: float
    std: float

    @property
    def scale(self) -> float:
        """Normalised units per byte: x = scale * byte + shift."""
        return 1.0 / (self.white * self.std)

    @property
    def shift(self) -> float:
        """The normalised value of an empty pixel."""
        return -self.mean / self.std

    def normalise(self, images: Tensor, out: Tensor | None = None) -> Tensor:
        """(images / white - mean) / std in float32, of the same shape, written to `out` if given."""
        out = torch.empty(images.shape, dtype=torch.float32, device=images.device) if out is None else out
        return out.copy_(images).mul_(self.scale).add_(self.shift)

    def to(self, device: str | torch.device) -> Tensors:
        """The same data set on `device`; itself where it is there already."""
        if self.train_images.device == torch.device(device):
            return self
        return replace(
            self,
            train_images=self.train_images.to(device),
            train_labels=self.train_labels.to(device),
            test_images=self.test_images.to(device),
            test_labels=self.test_labels.to(device),
        )


def from_arrays(arrays: Arrays) -> Tensors:
    """The tensors of a data set that is in memory."""
    tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.named().items()}
    return _build(tensors, arrays.white, arrays.mean, arrays.std)


def open_data(path: Path | str, device: str = "cpu") -> Tensors:
    """The data set in the file that `datasets.save` wrote, mapped into memory, on `device`.

    Opened once per process: later calls with the same unchanged file return the same tensors. On a CPU the images
    are pages of the file, which all processes of a machine share.

    Raises:
        BadInput: the file is missing, damaged, or was not written by `datasets.save`.
    """
    path = Path(path)
    try:
        found = path.stat()
    except OSError as error:
        raise BadInput("no such data file", where=str(path), hint="run the task 'data' first") from error
    return _open(path.absolute(), found.st_mtime_ns, found.st_size, device)


@lru_cache(maxsize=4)
def _open(path: Path, mtime_ns: int, size: int, device: str) -> Tensors:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call,unused-ignore]
            settings = json.loads((file.metadata() or {})["mnist_fgsm"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
            return _build(tensors, settings["white"], settings["mean"], settings["std"]).to(device)
    except (SafetensorError, KeyError, ValueError) as error:
        raise BadInput(
            f"not a data file of mnist_fgsm, or damaged ({error})", where=str(path), hint="run the task 'data' again"
        ) from error


def _build(tensors: dict[str, Tensor], white: int, mean: float, std: float) -> Tensors:
    height, width = tensors["train_images"].shape[1:]
    return Tensors(
        tensors["train_images"].flatten(1),
        tensors["train_labels"].long(),
        tensors["test_images"].flatten(1),
        tensors["test_labels"].long(),
        shape=(height, width),
        white=white,
        mean=mean,
        std=std,
    )

"""The data sets as byte arrays, and the one file that the `data` task keeps of them.

Pixels stay bytes (MNIST 55 MB, as floats 220 MB): a batch becomes floats when it is drawn, which on a CPU costs less
than gathering four times the bytes. This module does not import torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quadrat import BadInput

from . import idx

DATASETS = ("digits", "mnist")
DIGITS_TEST = 360  # of 1,797
_DIGITS_SPLIT_SEED = 20150320  # the test set belongs to the data set, so no run's seed may move it

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Arrays:
    """A data set with its held-out test set.

    Attributes:
        train_images, test_images: (N, H, W) uint8, 0 to `white`.
        train_labels, test_labels: (N,) uint8, 0 to 9.
        white: the byte of full ink: a pixel on [0, 1] is byte / white. 255 for mnist, 16 for digits.
        mean, std: of the training pixels on [0, 1], which inputs are normalised by; (0.1307, 0.3081) for mnist.
        dataset: its name.
    """

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    white: int
    mean: float
    std: float
    dataset: str

    def named(self) -> dict[str, Bytes]:
        """The four arrays by name, as the file holds them."""
        return {f.name: getattr(self, f.name) for f in fields(self)[:4]}

    def settings(self) -> dict[str, int | float | str]:
        """What the file's header holds beside the arrays."""
        return {f.name: getattr(self, f.name) for f in fields(self)[4:]}

    def sha256(self) -> str:
        """Checksum (hex) of the content: names, shapes, bytes and settings, whatever file format holds them."""
        digest = hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode())
        for name, array in self.named().items():
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def load(dataset: str, *, data_root: Path | None = None) -> Arrays:
    """The data set 'digits' (1,437 + 360 images of 8x8, needs nothing) or 'mnist' (60,000 + 10,000 of 28x28).

    MNIST is read from `data_root`/mnist (default of `data_root`: $QUADRAT_DATA) and downloaded to there when missing.

    Raises:
        BadInput: unknown name; no `data_root` for mnist; a file missing and not to be had, or damaged.
    """
    check(dataset, data_root=data_root)
    if dataset == "digits":
        return _digits()
    files = idx.read_mnist(_root(data_root) / "mnist")
    return Arrays(
        files[idx.TRAIN_IMAGES],
        files[idx.TRAIN_LABELS],
        files[idx.TEST_IMAGES],
        files[idx.TEST_LABELS],
        white=255,
        mean=0.1307,
        std=0.3081,
        dataset="mnist",
    )


def check(dataset: str, *, data_root: Path | None = None) -> None:
    """Whether `load` can begin: cheap, reads nothing.

    Raises:
        BadInput: unknown name; no `data_root` for mnist; a library of the extra `torch` is not installed.
    """
    if dataset not in DATASETS:
        raise BadInput(f"unknown data set '{dataset}'", where="dataset", hint=f"known: {', '.join(DATASETS)}")
    lacking = [name for name in ("torch", "safetensors", "sklearn", "matplotlib") if find_spec(name) is None]
    if lacking:
        raise BadInput(f"not installed: {', '.join(lacking)}", hint="pip install 'quadrat[torch]'")
    if dataset == "mnist":
        _root(data_root)


def _root(data_root: Path | None) -> Path:
    found = data_root if data_root is not None else os.environ.get("QUADRAT_DATA")
    if not found:
        raise BadInput(
            "no folder for the data set 'mnist'",
            where="QUADRAT_DATA",
            hint=f"set it to a folder; mnist/{idx.TRAIN_IMAGES} and three more are looked for there, else downloaded",
        )
    return Path(found)


def save(arrays: Arrays, path: Path) -> str:
    """Write one uncompressed safetensors file that workers can map into memory; returns its content's `sha256`."""
    from safetensors.numpy import save_file

    save_file(
        {name: np.ascontiguousarray(array) for name, array in arrays.named().items()},
        path,
        metadata={"mnist_fgsm": json.dumps(arrays.settings(), sort_keys=True)},
    )
    return arrays.sha256()


def _digits() -> Arrays:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped,unused-ignore]

    bundle = load_digits()
    images: Bytes = bundle.images.astype(np.uint8)
    labels: Bytes = bundle.target.astype(np.uint8)
    test = stratified(labels, DIGITS_TEST, seed=_DIGITS_SPLIT_SEED)
    train = np.setdiff1d(np.arange(len(labels)), test)
    pixels = images[train] / 16.0
    mean, std = round(float(pixels.mean()), 4), round(float(pixels.std()), 4)
    held_out = images[test], labels[test]
    return Arrays(images[train], labels[train], *held_out, white=16, mean=mean, std=std, dataset="digits")


def stratified(labels: NDArray[np.uint8], count: int, *, seed: int) -> NDArray[np.int64]:
    """`count` sorted indices whose shares of the labels are those of `labels` (N,), each label to within one."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Equal steps through the samples grouped by label take from each label in proportion to its size.
    chosen: NDArray[np.int64] = np.sort(by_label[np.arange(count) * len(labels) // count])
    return chosen

"""Data sets that are published as arrays: the digits of scikit-learn, MNIST's IDX files, CIFAR's Python batches."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat import BadInput

from .download import Archive, fetch
from .splits import split
from .unpack import read_members

DIGITS_TRAIN = 1437  # of 1,797
_DIGITS_SEED = 1797

_MNIST_URLS = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
# Images and labels, each with the MD5 of the published file and the SHA-256 of what is in it.
_MNIST = {
    "train": (
        (
            "train-images-idx3-ubyte.gz",
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
    ),
    "test": (
        (
            "t10k-images-idx3-ubyte.gz",
            "9fb629c4189551a2d022fa330f9573f3",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            "ec29112dd5afa0611ce80d1b7f02629c",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
}
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz"

ARCHIVES = {
    "cifar10": Archive(
        "cifar-10-python.tar.gz", (f"{_CIFAR_URL}/cifar-10-python.tar.gz",), "c58f30108f718f92721af3b95e74349a"
    ),
    "cifar100": Archive(
        "cifar-100-python.tar.gz", (f"{_CIFAR_URL}/cifar-100-python.tar.gz",), "eb9058c3a382ffc7106e4002c42a8d85"
    ),
}
_CIFAR_MEMBERS = {
    ("cifar10", "train"): tuple(f"data_batch_{number}" for number in range(1, 6)),
    ("cifar10", "test"): ("test_batch",),
    ("cifar100", "train"): ("train",),
    ("cifar100", "test"): ("test",),
}

Bytes = NDArray[np.uint8]
Arrays = tuple[Bytes, NDArray[np.int64]]
"""Images (N, H, W) or (N, H, W, 3) with bytes 0 to 255, and labels (N,)."""


def digits(subset: str) -> Arrays:
    """The 8x8 digits that scikit-learn brings (Alpaydin and Kaynak 1998), 1,437 for training and 360 for tests.

    The split is stratified and belongs to the data set: no run's seed moves it.
    """
    from sklearn.datasets import load_digits

    bundle = load_digits()
    labels = bundle.target.astype(np.int64)
    train, test = split(labels, DIGITS_TRAIN / len(labels), seed=_DIGITS_SEED)
    chosen = train if subset == "train" else test
    return np.rint(bundle.images[chosen] * (255 / 16)).astype(np.uint8), labels[chosen]


def mnist(subset: str, folder: Path) -> Arrays:
    """MNIST's 60,000 or 10,000 images of 28x28 from the IDX files in a folder, downloaded to there if missing.

    Raises:
        BadInput: a file is not to be had, damaged, or not MNIST's.
    """
    images, labels = (
        read_idx(
            fetch(Archive(name, tuple(f"{url}/{name}" for url in _MNIST_URLS), md5, repacked=True), folder),
            axes=axes,
            sha256=sha256,
        )
        for axes, (name, md5, sha256) in zip((3, 1), _MNIST[subset], strict=True)
    )
    return images, labels.astype(np.int64)


def read_idx(path: Path, *, axes: int, sha256: str | None = None) -> Bytes:
    """The bytes in a gzipped IDX file of that many axes.

    Format: LeCun, Cortes, Burges, "The MNIST database": two zero bytes, type 0x08, number of axes, one big-endian
    32-bit size for each axis, then the data.

    Raises:
        BadInput: another kind of file, damaged, cut off, or with another content than `sha256` is of.
    """
    hint = "delete it to have it downloaded again"
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"damaged gzip file ({error})", where=str(path), hint=hint) from error
    start = 4 + 4 * axes
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) < start:
        raise BadInput(f"not an IDX file of bytes with {axes} axes", where=str(path), hint=hint)
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", axes, offset=4))
    size = int(np.prod(shape))
    if len(content) - start != size:
        raise BadInput(f"{len(content) - start} bytes of data, the header says {size}", where=str(path), hint=hint)
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise BadInput("not the published file of this name (checksum differs)", where=str(path), hint=hint)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def cifar(data_name: str, subset: str, folder: Path) -> Arrays:
    """The images of CIFAR-10 or CIFAR-100 (Krizhevsky 2009), 32x32x3, from the published archive.

    Raises:
        BadInput: the archive is not to be had, damaged, or another one.
    """
    archive = fetch(ARCHIVES[data_name], folder)
    names = _CIFAR_MEMBERS[data_name, subset]
    members = read_members(archive, set(names))
    key = b"labels" if data_name == "cifar10" else b"fine_labels"
    batches = [_unpickled(members[name], archive) for name in names]
    try:
        pixels = np.concatenate([np.asarray(batch[b"data"], np.uint8) for batch in batches]).reshape(-1, 3, 32, 32)
        labels = np.concatenate([np.asarray(batch[key], np.int64) for batch in batches])
    except (KeyError, ValueError) as error:
        raise BadInput(f"not a batch of {data_name} ({error})", where=str(archive)) from error
    return pixels.transpose(0, 2, 3, 1), labels


def _unpickled(content: bytes, archive: Path) -> Mapping[bytes, Any]:
    try:
        found = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"a member cannot be read ({error})", where=str(archive)) from error
    if not isinstance(found, Mapping):
        raise BadInput("a member is no batch of images", where=str(archive))
    return found


class _ArraysOnly(pickle.Unpickler):
    """Reads arrays, lists and dictionaries; whatever else a pickle may ask for could run code."""

    _KNOWN = frozenset(
        (module, name)
        for name, *modules in (
            ("_reconstruct", "numpy.core.multiarray", "numpy._core.multiarray"),
            ("ndarray", "numpy"),
            ("dtype", "numpy"),
            ("encode", "_codecs"),
        )
        for module in modules
    )

    def find_class(self, module_name: str, global_name: str) -> Any:
        """The few names that arrays are made of."""
        if (module_name, global_name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}")
        return super().find_class(module_name, global_name)

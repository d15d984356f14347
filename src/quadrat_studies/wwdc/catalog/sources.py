"""Where the grey digits come from: scikit-learn's bundled ones, or the training images of MNIST."""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from quadrat import BadInput

Grey: TypeAlias = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Images (N, h, w) uint8 and labels (N,)."""

MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist"
# Checksums of the uncompressed bytes, and how many of them stand before the data.
FILES = {
    "train-images-idx3-ubyte.gz": ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 16),
    "train-labels-idx1-ubyte.gz": ("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 8),
}


def load(source: str) -> Grey:
    """The grey images of a source, 'digits' (1,797 of 8 x 8) or 'mnist' (60,000 of 28 x 28).

    MNIST's two training files (LeCun, Cortes, Burges) are read from $QUADRAT_DATA/mnist, and downloaded to there where
    they are missing.

    Raises:
        BadInput: no folder for MNIST, or a file that is damaged or not to be had.
    """
    check(source)
    if source == "digits":
        from sklearn.datasets import load_digits

        bundle = load_digits()
        return (bundle.images * (255 / 16)).round().astype(np.uint8), bundle.target.astype(np.int64)
    images, labels = (_read(_folder() / name, *expected) for name, expected in FILES.items())
    return images.reshape(-1, 28, 28), labels.astype(np.int64)


def check(source: str) -> None:
    """Whether `load` can begin; reads nothing.

    Raises:
        BadInput: for MNIST without a folder for it.
    """
    if source == "mnist":
        _folder()


def _folder() -> Path:
    root = os.environ.get("QUADRAT_DATA")
    if not root:
        raise BadInput(
            "no folder for MNIST",
            where="QUADRAT_DATA",
            hint=f"set it to a folder; mnist/{next(iter(FILES))} is looked for there, else downloaded",
        )
    return Path(root) / "mnist"


def _read(path: Path, checksum: str, header: int) -> np.ndarray[Any, Any]:
    packed = path.read_bytes() if path.exists() else _download(path)
    try:
        raw = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):
        raw = b""
    if hashlib.sha256(raw).hexdigest() != checksum:
        raise BadInput("the file is damaged", where=str(path), hint="delete it: it is downloaded again")
    return np.frombuffer(raw, np.uint8, offset=header)


def _download(path: Path) -> bytes:
    url = f"{MIRROR}/{path.name}"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            packed: bytes = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise BadInput(f"{url} cannot be had: {error}", where=str(path), hint="put the file there by hand") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f"{path.name}.{os.getpid()}")
    waiting.write_bytes(packed)
    waiting.replace(path)
    return packed

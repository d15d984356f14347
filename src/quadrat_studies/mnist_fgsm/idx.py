"""Read MNIST's four IDX files, fetching the ones that are missing.

Format: LeCun, Cortes, Burges, "The MNIST database of handwritten digits": big-endian magic 0x00000803 (images) or
0x00000801 (labels), one 32-bit size per axis, then unsigned bytes. Checksums are of the *uncompressed* bytes, since
mirrors may compress the same content differently.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tempfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quadrat import BadInput

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"

SHA256 = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

_UNSIGNED_BYTE = 0x08


def read_mnist(
    folder: Path, *, mirrors: tuple[str, ...] = MIRRORS, timeout: float = 30.0
) -> dict[str, NDArray[np.uint8]]:
    """The four files' arrays by file name; files that are missing in `folder` are downloaded first.

    Images are (60000 or 10000, 28, 28), labels (60000 or 10000,), all uint8. `timeout` is in seconds, per connection.

    Raises:
        BadInput: a file is neither there nor to be had, is damaged, or is not the known MNIST file.
    """
    found: dict[str, NDArray[np.uint8]] = {}
    for name, expected in SHA256.items():
        path = folder / name
        fetched = not path.exists()
        content = _fetch(path, expected, mirrors, timeout) if fetched else _uncompressed(path.read_bytes(), path)
        # A truncated file is better named by the parser than by a checksum, so the checksum comes second.
        found[name] = parse(content, axes=3 if "idx3" in name else 1, where=str(path))
        if hashlib.sha256(content).hexdigest() != expected:
            raise BadInput("not the MNIST file of this name (checksum differs)", where=str(path), hint=_ADVICE)
    return found


def parse(content: bytes, *, axes: int, where: str) -> NDArray[np.uint8]:
    """The array in uncompressed IDX bytes with `axes` axes, read-only; `where` names the file in errors.

    Raises:
        BadInput: wrong magic number, or fewer or more bytes than the header announces.
    """
    header = 4 + 4 * axes
    if len(content) < header:
        raise BadInput(f"truncated IDX file: {len(content)} bytes, shorter than its header ({header})", where=where)
    magic = struct.unpack_from(">I", content)[0]
    expected = _UNSIGNED_BYTE << 8 | axes
    if magic != expected:
        found = f"magic 0x{magic:08x}, not 0x{expected:08x}"
        raise BadInput(f"not an IDX file of bytes with {axes} axes: {found}", where=where)
    shape = struct.unpack_from(f">{axes}I", content, 4)
    size = int(np.prod(shape, dtype=np.int64))
    there = len(content) - header
    if there != size:
        state = "truncated" if there < size else "too long"
        announced = " x ".join(map(str, shape))
        raise BadInput(f"{state} IDX file: {announced} is {size} bytes of data, there are {there}", where=where)
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


_ADVICE = f"delete it to have it downloaded again, or put there the file from {MIRRORS[0]}/"


def _uncompressed(packed: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(packed)
    except (EOFError, OSError, zlib.error) as error:
        raise BadInput(f"damaged or truncated gzip file ({error})", where=str(path), hint=_ADVICE) from error


def _fetch(path: Path, sha256: str, mirrors: tuple[str, ...], timeout: float) -> bytes:
    """Download to `path` and return the uncompressed content; the first mirror with the right content wins."""
    failures = []
    for mirror in mirrors:
        url = f"{mirror}/{path.name}"
        try:
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                packed: bytes = answer.read()
            content = gzip.decompress(packed)
        except (OSError, EOFError, zlib.error, urllib.error.URLError) as error:
            failures.append(f"{url}: {error}")
            continue
        if hashlib.sha256(content).hexdigest() != sha256:
            failures.append(f"{url}: another content than MNIST's (checksum differs)")
            continue
        _write(path, packed)
        return content
    raise BadInput(
        f"no MNIST file '{path.name}', and no mirror had it: " + "; ".join(failures),
        where=str(path.parent),
        hint=f"put {path.name} there by hand (from {MIRRORS[0]}/), or point QUADRAT_DATA to the folder above 'mnist'",
    )


def _write(path: Path, content: bytes) -> None:
    """Write so that a reader, or a second downloader, sees no file or all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise

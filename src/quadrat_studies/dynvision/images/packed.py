"""The packed form: all images of a folder in one file that is mapped into memory, not read.

The file is a safetensors file with two tensors, `labels` (N,) I64 and `images` (N, C, H, W) U8, so that any reader of
that format opens it. It is mapped here without that library, whose arrays would be copies.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat import BadInput

_KEY = "dynvision"
_HEADER_LIMIT = 100_000_000  # of the format
_NO_CHECKSUM = "0" * 64
_HINT = "pack the data set again"

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Labelled:
    """What is known of a number of images beside their pixels.

    Attributes:
        labels: (N,) int64, index into `classes`.
        classes: all classes of the data set, also those that no image here is of.
        mean, std: for each channel, of the data set's training images on [0, 1].
    """

    labels: Labels
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def about(self) -> dict[str, list[str] | list[float]]:
        """All but the labels, as JSON has it."""
        return {"classes": list(self.classes), "mean": list(self.mean), "std": list(self.std)}

    def checksum(self, images: Pixels) -> str:
        """The SHA-256 (hex) of this with its (N, C, H, W) images, whatever file format holds them."""
        digest = hashlib.sha256(json.dumps([images.shape, self.about()], sort_keys=True).encode())
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        digest.update(images.data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Images(Labelled):
    """Images and labels as a file holds them.

    Attributes:
        images: (N, C, H, W) uint8, 0 to 255; pages of the file, read when they are looked at and shared by all
            processes of a machine. Writing to them does not reach the file.
        sha256: `checksum` of all this, as it was written.
    """

    images: Pixels
    sha256: str


def write_images(
    file: Path, shape: tuple[int, int, int, int], labelled: Labelled, fill: Callable[[Pixels], None]
) -> str:
    """Write a packed file, at once or not at all.

    Args:
        file: where to.
        shape: (N, C, H, W) of the images.
        labelled: their labels and what they mean.
        fill: writes the images into the array that it is given, which is the file: they need not fit in memory.

    Returns:
        The checksum of the content.
    """
    partial = file.with_name(f".{file.name}.partial")
    header = _header(shape, labelled, _NO_CHECKSUM)
    start = len(header) + len(labelled) * 8
    try:
        with partial.open("wb") as stream:
            stream.write(header)
            stream.write(labelled.labels.astype("<i8").tobytes())
            stream.truncate(start + math.prod(shape))
        pixels = np.memmap(partial, np.uint8, "r+", start, shape)
        fill(pixels)
        sha256 = labelled.checksum(pixels)
        pixels.flush()
        with partial.open("r+b") as stream:
            stream.write(_header(shape, labelled, sha256))  # as long as the one before
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return sha256


def open_images(file: Path | str, *, verify: bool = False) -> Images:
    """The images in a packed file, mapped into memory. One that FFCV wrote is read into memory, by FFCV.

    Args:
        file: what `pack` wrote.
        verify: also read all of it and compare its checksum.

    Raises:
        BadInput: the file is missing, cut off, damaged, or of another kind.
    """
    file = Path(file)
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            # FFCV has its version and page size there, which make an absurd length.
            header = b"" if length > min(size, _HEADER_LIMIT) else stream.read(length)
    except OSError as error:
        raise BadInput(f"no packed images ({error.strerror})", where=str(file), hint=_HINT) from error
    if length > _HEADER_LIMIT:
        from .beton import read_beton

        found = read_beton(file)
    else:
        try:
            found = _mapped(file, size, 8 + length, json.loads(header))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"not packed images, or damaged ({error})", where=str(file), hint=_HINT) from error
    if not 0 <= int(found.labels.min()) <= int(found.labels.max()) < len(found.classes):
        raise BadInput("a label that is of no class", where=str(file), hint=_HINT)
    if verify and found.sha256 != found.checksum(found.images):
        raise BadInput("damaged: the checksum differs", where=str(file), hint=_HINT)
    return found


def _header(shape: tuple[int, int, int, int], labelled: Labelled, sha256: str) -> bytes:
    middle = shape[0] * 8
    content = {
        "__metadata__": {_KEY: json.dumps({**labelled.about(), "sha256": sha256})},
        "labels": {"dtype": "I64", "shape": [shape[0]], "data_offsets": [0, middle]},
        "images": {"dtype": "U8", "shape": shape, "data_offsets": [middle, middle + math.prod(shape)]},
    }
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _mapped(file: Path, size: int, start: int, header: dict[str, Any]) -> Images:
    about = json.loads(header["__metadata__"][_KEY])
    (count,), shape = header["labels"]["shape"], tuple(header["images"]["shape"])
    end = start + count * 8 + math.prod(shape)
    if shape[0] != count or len(shape) != 4:
        raise ValueError(f"{count} labels for images {shape}")
    if size != end:
        raise ValueError(f"{size} bytes, not {end}")
    return Images(
        # Copy on write: torch wants arrays that can be written to, and the file stays as it is.
        images=np.memmap(file, np.uint8, "c", start + count * 8, shape),
        labels=np.fromfile(file, "<i8", count, offset=start).astype(np.int64),
        classes=tuple(about["classes"]),
        mean=tuple(about["mean"]),
        std=tuple(about["std"]),
        sha256=about["sha256"],
    )

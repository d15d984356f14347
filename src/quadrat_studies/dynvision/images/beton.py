"""Packed images in the format of FFCV (Leclerc et al. 2023, arXiv 2306.12517), for those who have it.

The content is that of `packed`: raw bytes, so that both forms give the same numbers. What has no field of its own
(classes, statistics, checksum) is JSON in the first sample; the other samples hold an empty object.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from quadrat import BadInput

from .packed import Images, Labelled, Labels, Pixels

_BATCH = 1024


def require_ffcv() -> None:
    """Whether FFCV can be imported.

    Raises:
        BadInput: it is not installed.
    """
    if find_spec("ffcv") is None:
        raise BadInput(
            "FFCV is not installed",
            where="use_ffcv",
            hint="pip install ffcv (needs a compiler, OpenCV and libjpeg-turbo), or use_ffcv: false, which is as fast",
        )


def write_beton(
    file: Path, shape: tuple[int, int, int, int], labelled: Labelled, fill: Callable[[Pixels], None]
) -> str:
    """Write a file by FFCV; as `packed.write_images`, but the images are in memory meanwhile.

    Raises:
        BadInput: FFCV is not installed.
    """
    require_ffcv()
    fields = import_module("ffcv.fields")
    pixels = np.empty(shape, np.uint8)
    fill(pixels)
    sha256 = labelled.checksum(pixels)
    kinds = {
        "image": fields.NDArrayField(np.dtype(np.uint8), shape[1:]),
        "label": fields.IntField(),
        "about": fields.JSONField(),
    }
    partial = file.with_name(f".{file.name}.partial")
    try:
        writer = import_module("ffcv.writer").DatasetWriter(str(partial), kinds)
        writer.from_indexed_dataset(_Samples(pixels, labelled.labels, {**labelled.about(), "sha256": sha256}))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return sha256


def read_beton(file: Path) -> Images:
    """Read what `write_beton` wrote, all of it.

    Raises:
        BadInput: FFCV is not installed, or cannot read the file.
    """
    require_ffcv()
    loader = import_module("ffcv.loader")
    order = {"order": loader.OrderOption.SEQUENTIAL, "drop_last": False}
    try:
        first = loader.Loader(str(file), 1, indices=[0], pipelines={"image": None, "label": None}, **order)
        (about,) = import_module("ffcv.fields").JSONField.unpack(next(iter(first))[0])
        # FFCV gives the same buffers again for a later batch.
        batches = [
            (images.numpy().copy(), labels.numpy().reshape(-1).copy())
            for images, labels in loader.Loader(str(file), _BATCH, pipelines={"about": None}, **order)
        ]
        return Images(
            images=np.concatenate([images for images, _ in batches]),
            labels=np.concatenate([labels for _, labels in batches]).astype(np.int64),
            classes=tuple(about["classes"]),
            mean=tuple(about["mean"]),
            std=tuple(about["std"]),
            sha256=about["sha256"],
        )
    except (OSError, ValueError, TypeError, KeyError, IndexError, AssertionError) as error:
        raise BadInput(
            f"not images that FFCV can read, or damaged ({error})", where=str(file), hint="pack the data set again"
        ) from error


class _Samples:
    """What FFCV's writer indexes."""

    def __init__(self, pixels: Pixels, labels: Labels, about: dict[str, Any]) -> None:
        self._pixels, self._labels, self._about = pixels, labels, about

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Pixels, int, dict[str, Any]]:
        return self._pixels[index], int(self._labels[index]), self._about if index == 0 else {}

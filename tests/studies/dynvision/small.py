"""Small real data (scikit-learn's digits), packed, for tests of training and testing."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from quadrat_studies.dynvision.images.acquire import acquire
from quadrat_studies.dynvision.images.datasets import dataset
from quadrat_studies.dynvision.images.pack import pack, pack_split
from quadrat_studies.dynvision.images.packed import Images, open_images


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dynvision-"))
    digits = dataset("digits")
    train = acquire("digits", "train", folder / "train")
    test = acquire("digits", "test", folder / "test")
    pack_split(train, folder / "train.beton", folder / "val.beton", digits, limit=200)
    pack(test, folder / "test.beton", digits, limit=40)
    return folder


def digits(part: str) -> Images:
    """160 images to train on, 40 to validate on ("val"), 40 to test on, the same number of each class."""
    return open_images(_folder() / f"{part}.beton")

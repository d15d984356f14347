"""Class folders into packed files: every image decoded once, to one size."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from quadrat import BadInput

from .beton import require_ffcv, write_beton
from .datasets import Dataset, unknown
from .folders import class_names, image_files
from .packed import Labelled, Labels, Pixels, write_images
from .splits import Indices, balanced, split

SPLIT_SEED = 0
_SMALL = 64
_SHARE = 64  # images that a thread takes at once


def pack(
    folder: Path,
    file: Path,
    data: Dataset,
    *,
    classes: Sequence[str] | None = None,
    chosen: Indices | None = None,
    limit: int | None = None,
    threads: int | None = None,
    use_ffcv: bool = False,
) -> str:
    """Decode the images in class folders into one file, in the order of class and file names.

    Args:
        folder: `<folder>/<class>/<image>`; links are followed.
        file: where to write.
        data: size, channels and statistics. The shorter side of an image is brought to that size (bilinear,
            antialiased), of the longer one the middle is taken; grey images get the channels of the data set.
        classes: all classes of the data set, which labels count in; default are those in the folder. A group of
            classes so keeps the labels that models are trained with.
        chosen: which images, by their place; default all.
        limit: at most so many of these, balanced over the classes.
        threads: for decoding; default is one for each core, and one alone for images of up to 64 pixels, where several
            wait for each other longer than they work.
        use_ffcv: write a file of FFCV, of the same content.

    Returns:
        The checksum of the content.

    Raises:
        BadInput: no image, a class that is not in `classes` (the nearest is told), a file that is no image or is cut
            off; FFCV is asked for and not installed.
    """
    if use_ffcv:
        require_ffcv()
    paths, labels, names = _listing(folder, classes)
    picked = np.arange(len(labels)) if chosen is None else chosen
    picked = picked[balanced(labels[picked], limit)]
    if not len(picked):
        raise BadInput("no image to pack", where=str(folder))
    count, size = len(picked), data.image[1]

    def fill(pixels: Pixels) -> None:
        def decode_into(place: int) -> None:
            pixels[place] = decode(paths[picked[place]], data.image[0], size)

        small = data.native is not None and data.native <= _SMALL
        _parallel(decode_into, count, threads or (1 if small else _cores()))

    write = write_beton if use_ffcv else write_images
    return write(file, (count, *data.image), Labelled(labels[picked], names, data.mean, data.std), fill)


def pack_split(
    folder: Path,
    train_file: Path,
    val_file: Path,
    data: Dataset,
    *,
    train_ratio: float = 0.9,
    seed: int = SPLIT_SEED,
    limit: int | None = None,
    threads: int | None = None,
    use_ffcv: bool = False,
) -> tuple[str, str]:
    """Pack the training images in two files, for training and for validation; arguments as for `pack` and `split`.

    `limit` counts the images of both together.

    Returns:
        The checksums of both.

    Raises:
        BadInput: as `pack` and `split`.
    """
    _, labels, names = _listing(folder, None)
    picked = balanced(labels, limit)
    parts = split(labels[picked], train_ratio, seed=seed)
    train, val = (
        pack(folder, file, data, classes=names, chosen=picked[part], threads=threads, use_ffcv=use_ffcv)
        for file, part in zip((train_file, val_file), parts, strict=True)
    )
    return train, val


def decode(path: Path, channels: int, size: int) -> Pixels:
    """One image as (channels, size, size) bytes: the shorter side brought to `size`, the middle of the longer.

    Raises:
        BadInput: the file is no image, or cut off.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            image = opened.convert("L" if channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"not an image that can be read ({error})", where=str(path)) from error
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    if side != size:
        image = image.resize((size, size), Image.Resampling.BILINEAR, box)
    elif width != height:
        image = image.crop(box)
    return np.asarray(image).reshape(size, size, channels).transpose(2, 0, 1)


def _cores() -> int:
    """The cores that this process may use, which on a cluster are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parallel(work: Callable[[int], None], count: int, threads: int) -> None:
    """Call `work` with 0 to count - 1 in several threads; the first failure ends the rest."""

    def share(start: int) -> None:
        for index in range(start, min(start + _SHARE, count)):
            work(index)

    pool = ThreadPoolExecutor(threads)
    try:
        for done in [pool.submit(share, start) for start in range(0, count, _SHARE)]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _listing(folder: Path, classes: Sequence[str] | None) -> tuple[list[Path], Labels, tuple[str, ...]]:
    """Paths and labels of all images in class folders, and the classes that the labels are of."""
    found = class_names(folder)
    names = tuple(found if classes is None else classes)
    for name in found:
        if name not in names:
            raise unknown("class", name, names, where=str(folder))
    paths, labels = [], []
    for name in found:
        files = image_files(folder / name)
        paths += [folder / name / file for file, _ in files]
        labels += [names.index(name)] * len(files)
    return paths, np.array(labels, np.int64), names

"""Data sets: got, linked, packed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import quadrat as qd

from ..images.acquire import acquire, check
from ..images.datasets import Dataset, dataset
from ..images.folders import class_names, describe, require_complete
from ..images.links import link_group, link_subset
from ..images.pack import pack, pack_split
from ..images.packed import open_images
from ..params import Packing, PackingTest, Raw

SUBSETS = ("train", "test")
Result = dict[str, Any]


def data_set(name: str, resolution: int | None) -> Dataset:
    """A data set, with images of another size where one is asked for."""
    found = dataset(name)
    return found if resolution is None else replace(found, image=(found.image[0], resolution, resolution))


def check_data(params: Raw) -> None:
    """Whether a data set can be got.

    Raises:
        BadInput: where it cannot.
    """
    check(params.data_name, mounted=_mounted(params))


def get(params: Raw, run: qd.Run) -> Result:
    """Get the class folders of training and test."""
    found: Result = {}
    sums = hashlib.sha256()
    for number, subset in enumerate(SUBSETS):
        run.progress(number, len(SUBSETS), "subsets")
        folder = acquire(params.data_name, subset, run.file(subset), mounted=_mounted(params))
        require_complete(folder, dataset(params.data_name))
        ready = describe(folder)
        found[f"{subset}_ready"] = run.file(f"{subset}.ready")
        ready.write(found[f"{subset}_ready"])
        found[subset] = qd.Links(folder)
        found[f"{subset}_images"] = ready.images
        found["classes"] = len(ready.classes)
        sums.update(ready.sha256.encode())
    return {**found, "sha256": sums.hexdigest()}


def link(folders: Any, classes: Sequence[str] | None, run: qd.Run) -> Result:
    """Link to all classes of `folders` (with folders `train` and `test`), or to some."""
    found: Result = {}
    for subset in SUBSETS:
        source, into = getattr(folders, subset), run.file(subset)
        ready = link_subset(source, into) if classes is None else link_group(source, into, classes)
        found |= {subset: qd.Links(into), f"{subset}_ready": qd.File(f"{into}.ready"), "classes": len(ready.classes)}
    return found


def pack_training(params: Packing, data_name: str, folder: Path, run: qd.Run) -> Result:
    """Pack images for training and validation."""
    files = {name: run.file(f"{name}.beton") for name in ("train", "val")}
    pack_split(
        folder,
        files["train"],
        files["val"],
        data_set(data_name, params.data_resolution),
        train_ratio=params.train_ratio,
        limit=params.train_limit,
        use_ffcv=params.use_ffcv,
    )
    counts = {f"{name}_images": len(open_images(file)) for name, file in files.items()} if not params.use_ffcv else {}
    return {**files, **counts}


def pack_test(params: PackingTest, data_name: str, folders: tuple[Path, Path], run: qd.Run) -> Result:
    """Pack images for tests: those of the first folder, with the labels that the classes of the second one have."""
    file = run.file("test.beton")
    tested, every = folders
    data = data_set(data_name, params.data_resolution)
    pack(tested, file, data, classes=class_names(every), limit=params.test_limit)
    return {"test": file, "test_images": len(open_images(file))}


def _mounted(params: Raw) -> dict[str, str]:
    return {params.data_name: params.mounted} if params.mounted else {}

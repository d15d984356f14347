"""Get a data set into class folders, from what is at hand, a mounted folder, or the network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from quadrat import BadInput

from . import published
from .datasets import Dataset, dataset, unknown
from .download import Archive, fetch
from .folders import class_names, require_complete, staged
from .unpack import Place, below, read_members, unpack

Subset = Literal["train", "test"]
Mounted = Mapping[str, str | os.PathLike[str]]

SUBSETS: tuple[Subset, ...] = ("train", "test")

CIFAR10_FOLDERS = Archive("cifar10.tar.xz")
ARCHIVES = {
    "tinyimagenet": Archive(
        "tiny-imagenet-200.zip",
        ("http://cs231n.stanford.edu/tiny-imagenet-200.zip",),
        "90528d7ca1a48142e341f4ef8d21d0de",
    ),
    "imagenette": Archive(
        "imagenette2-320.tgz",
        ("https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",),
        "3df6f0d01a2c9592104656642f5e78a3",
    ),
}
_TINY_LABELS = "val_annotations.txt"


def check(data_name: str, *, data_root: Path | None = None, mounted: Mounted | None = None) -> None:
    """Whether `acquire` can begin: cheap, opens no file, asks no network.

    Args:
        data_name: the data set.
        data_root: where archives are, or are downloaded to; default $QUADRAT_DATA. `digits` needs none.
        mounted: folders of data sets that are there already, by name, with class folders below train/ and val/ or
            test/; imagenet is also found at `data_root`/imagenet.

    Raises:
        BadInput: unknown data set (the nearest is told), a library that is not installed, no `data_root` where one is
            needed, a mounted folder that is not there or has not both subsets.
    """
    data = dataset(data_name)
    lacking = [name for name in ("PIL", "sklearn") if find_spec(name) is None]
    if lacking:
        raise BadInput(f"not installed: {', '.join(lacking)}", hint="pip install 'quadrat[torch]'")
    if _is_mounted(data, mounted):
        folder = _mounted_folder(data, data_root, mounted)
        for subset in SUBSETS:
            _mounted_subset(folder, subset)
    elif data_name != "digits":
        _root(data, data_root)


def acquire(
    data_name: str, subset: str, into: Path, *, data_root: Path | None = None, mounted: Mounted | None = None
) -> Path:
    """Make `into`, the class folders of a subset: `into`/<class>/<name>.png or .jpg; all of them or none.

    A folder that holds something already is only looked at. What is mounted is linked to, by absolute links.

    Args:
        data_name: the data set.
        subset: 'train' or 'test'; where a data set has labels for its validation images only, these are the tests.
        into: where to.
        data_root: as for `check`.
        mounted: as for `check`.

    Returns:
        `into`.

    Raises:
        BadInput: as `check`; an archive that is neither there nor to be had, or damaged; a class that is missing.
    """
    check(data_name, data_root=data_root, mounted=mounted)
    if subset not in SUBSETS:
        raise unknown("subset", subset, SUBSETS, where="data_subset")
    data = dataset(data_name)
    if into.is_dir() and any(into.iterdir()):
        require_complete(into, data)
        return into
    with staged(into) as staging:
        if _is_mounted(data, mounted):
            _link_mounted(_mounted_subset(_mounted_folder(data, data_root, mounted), subset), staging, data)
        elif data_name == "digits":
            _write_arrays(published.digits(subset), staging, data)
        else:
            _from_archives(data, subset, _root(data, data_root), staging)
        require_complete(staging, data)
    return into


def _from_archives(data: Dataset, subset: str, root: Path, staging: Path) -> None:
    if data.name == "mnist":
        _write_arrays(published.mnist(subset, root / "mnist"), staging, data)
    elif data.name == "cifar10" and (root / CIFAR10_FOLDERS.file).exists():
        unpack(root / CIFAR10_FOLDERS.file, staging, below(subset, 2))
    elif data.name in published.ARCHIVES:
        _write_arrays(published.cifar(data.name, subset, root), staging, data)
    else:
        archive = fetch(ARCHIVES[data.name], root)
        unpack(archive, staging, _place(data, subset, archive))


def _place(data: Dataset, subset: str, archive: Path) -> Place:
    """Where the images of Tiny ImageNet (…/train/<class>/images/…, …/val/images/…) and Imagenette go."""
    if data.name == "imagenette":
        plain = below("train" if subset == "train" else "val", 2)

        def named(parts: tuple[str, ...]) -> tuple[str, str] | None:
            found = plain(parts)
            return (data.renamed.get(found[0], found[0]), found[1]) if found else None

        return named
    if subset == "train":
        return below("train", 3)
    text = read_members(archive, {_TINY_LABELS})[_TINY_LABELS].decode(errors="replace")
    labels = dict(line.split("\t")[:2] for line in text.splitlines() if "\t" in line)

    def labelled(parts: tuple[str, ...]) -> tuple[str, str] | None:
        if parts[-3:-1] != ("val", "images"):
            return None
        if parts[-1] not in labels:
            raise BadInput(f"'{parts[-1]}' has no class in {_TINY_LABELS}", where=str(archive))
        return labels[parts[-1]], parts[-1]

    return labelled


def _write_arrays(arrays: published.Arrays, into: Path, data: Dataset) -> None:
    """One PNG for each image, named by its place in the published order."""
    from PIL import Image

    images, labels = arrays
    if data.classes is None or labels.min() < 0 or labels.max() >= data.n_classes:
        raise BadInput(f"labels {labels.min()} to {labels.max()}, {data.name} has {data.n_classes} classes")
    names = data.classes
    for label in set(labels.tolist()):
        (into / names[label]).mkdir()

    for index, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        Image.fromarray(image).save(into / names[label] / f"{index:05d}.png")


def _link_mounted(source: Path, into: Path, data: Dataset) -> None:
    for name in class_names(source):
        (into / data.renamed.get(name, name)).symlink_to((source / name).absolute(), target_is_directory=True)


def _is_mounted(data: Dataset, mounted: Mounted | None) -> bool:
    return data.name == "imagenet" or data.name in (mounted or {})


def _mounted_folder(data: Dataset, data_root: Path | None, mounted: Mounted | None) -> Path:
    given = (mounted or {}).get(data.name)
    root = data_root or os.environ.get("QUADRAT_DATA")
    folder = Path(given) if given is not None else Path(root) / data.name if root else None
    if folder is None or not folder.is_dir():
        raise BadInput(
            f"no folder of {data.name}, which is not downloaded",
            where="mounted_datasets" if folder is None else str(folder),
            hint=f"mounted_datasets: {{{data.name}: FOLDER}} with class folders below train/ and val/ or test/",
        )
    return folder


def _mounted_subset(folder: Path, subset: str) -> Path:
    names = ("train",) if subset == "train" else ("val", "test")  # ImageNet's test images have no labels
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise BadInput(f"no folder '{' or '.join(names)}' in it", where=str(folder), hint="expected <subset>/<class>/…")


def _root(data: Dataset, data_root: Path | None) -> Path:
    found = data_root if data_root is not None else os.environ.get("QUADRAT_DATA")
    if not found:
        raise BadInput(
            f"no folder for the data set '{data.name}'",
            where="QUADRAT_DATA",
            hint="set it to a folder; archives are looked for there, else downloaded to there",
        )
    return Path(found)

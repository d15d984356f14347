"""Class folders: `<folder>/<class>/<image>`, the form in which images are kept until they are packed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from quadrat import BadInput

from .datasets import Dataset

SUFFIXES = (".jpeg", ".jpg", ".png")


@dataclass(frozen=True)
class Ready:
    """What a finished folder holds; the text of its `.ready` file. Equal for equal content, wherever it lies.

    Attributes:
        classes: number of images by class, in the order of the names.
        images: number of all images.
        sha256: checksum of class names, file names and file sizes.
    """

    classes: dict[str, int]
    images: int
    sha256: str

    def write(self, path: Path) -> None:
        """Write it as JSON, at once or not at all."""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)


def ready_path(folder: Path) -> Path:
    """Where the `.ready` file of a folder is: beside it, `<folder>.ready`."""
    return folder.with_name(f"{folder.name}.ready")


def read_ready(path: Path) -> Ready:
    """The content of a `.ready` file.

    Raises:
        BadInput: it is missing or was written by something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Ready(classes=dict(found["classes"]), images=int(found["images"]), sha256=str(found["sha256"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"no list of classes ({error})", where=str(path), hint="link the data set again") from error


def is_image(name: str) -> bool:
    """Whether a file of that name counts as an image: not hidden, and a .jpg, .jpeg or .png in either case."""
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def class_names(folder: Path) -> list[str]:
    """The classes in a folder: its folders, or links to such, sorted, without hidden ones.

    Raises:
        BadInput: no such folder, or a link in it that leads nowhere.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise BadInput(f"no folder of classes ({error.strerror})", where=str(folder)) from error
    for entry in found:
        if entry.is_symlink() and not Path(entry.path).exists():
            raise BadInput(f"the link '{entry.name}' leads nowhere", where=str(folder), hint="were its images moved?")
    return sorted(entry.name for entry in found if entry.is_dir())


def image_files(folder: Path) -> list[tuple[str, int]]:
    """Names and sizes in bytes of the images in one class's folder, sorted by name.

    Raises:
        BadInput: one cannot be reached.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, entry.stat().st_size) for entry in entries if is_image(entry.name))
    except OSError as error:
        where = error.filename or str(folder)
        raise BadInput(
            f"not to be reached ({error.strerror})", where=str(where), hint="were its images moved?"
        ) from error


def describe(folder: Path) -> Ready:
    """Count what a folder holds. Reads names and sizes, no image.

    Raises:
        BadInput: no such folder, no class in it, or a class without an image.
    """
    digest = hashlib.sha256()
    counts = {}
    for name in class_names(folder):
        files = image_files(folder / name)
        counts[name] = len(files)
        for file, size in files:
            digest.update(f"{name}\0{file}\0{size}\n".encode())
    empty = [name for name, count in counts.items() if not count]
    if empty or not counts:
        what = f"no image of {_listed(empty)}" if empty else "no class folder"
        raise BadInput(what, where=str(folder), hint=f"expected <class>/<name>{' or '.join(SUFFIXES)}")
    return Ready(counts, sum(counts.values()), digest.hexdigest())


def require_complete(folder: Path, data: Dataset) -> None:
    """Whether a folder holds all classes of a data set, and an image of each.

    Raises:
        BadInput: a class is missing, has no image, or is not one of the data set; the names are told.
    """
    found = class_names(folder)
    known = found if data.classes is None else data.classes
    faults = {
        "missing": sorted(set(known) - set(found)),
        "without images": [name for name in found if not _has_images(folder / name)],
        "unexpected": sorted(set(found) - set(known)),
    }
    said = [f"{len(names)} {fault}: {_listed(names)}" for fault, names in faults.items() if names]
    if len(found) != data.n_classes and not said:
        said = [f"{len(found)} are there"]
    if said:
        raise BadInput(
            f"not the {data.n_classes} classes of {data.name}; {'; '.join(said)}",
            where=str(folder),
            hint="delete the folder to have it made again",
        )


@contextmanager
def staged(into: Path) -> Iterator[Path]:
    """A folder beside `into` to work in, which becomes `into` at the end, or goes away where the work fails."""
    into.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=into.parent, prefix=f".{into.name}."))
    try:
        yield staging
        staging.chmod(0o755)
        staging.rename(into)
    finally:
        if staging.exists():
            shutil.rmtree(staging)


def _has_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(is_image(entry.name) for entry in entries)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")

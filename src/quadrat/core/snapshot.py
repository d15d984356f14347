"""A copy of a study's code, from which another process runs it later, whatever has become of the files meanwhile."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from quadrat.core.errors import BadInput
from quadrat.core.fingerprint import own_files
from quadrat.core.identity import digest
from quadrat.core.loading import StudyRef
from quadrat.core.study import Study

SMALL_BYTES = 1_000_000
SKIPPED = ("__pycache__", ".git", ".quadrat", ".venv", "node_modules")


@dataclass(frozen=True)
class Snapshot:
    """The files of a study as they are to be copied.

    Attributes:
        copied: for each place in the snapshot the file that goes there.
        linked: for each place the file or folder that is only linked to: what lies beside the code, and is none.
        ref: how the study is found in the snapshot; its places are relative to the snapshot.
    """

    copied: dict[str, Path]
    linked: dict[str, Path]
    ref: StudyRef

    def digest(self) -> bytes:
        """A hash of the copied files and their places."""
        parts = [f"{place}\0".encode() + digest(path.read_bytes()) for place, path in sorted(self.copied.items())]
        return digest(b"".join(parts))

    def write(self, folder: Path) -> None:
        """Make the snapshot in a folder."""
        for place, path in self.copied.items():
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        for place, path in self.linked.items():
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                target.symlink_to(path)

    def ref_in(self, folder: Path) -> StudyRef:
        """How the study is found in the snapshot that lies in a folder."""
        target = str(folder / self.ref.target) if self.ref.kind == "file" else self.ref.target
        return StudyRef(self.ref.kind, target, str(folder))


def snapshot(study: Study, ref: StudyRef) -> Snapshot:
    """What a copy of a study's code consists of.

    The study's own Python files are copied, and the small files of its package; what else lies beside them is linked
    to, so that `Path(__file__).parent / "table.csv"` still finds it. A module that is imported by a computed name is
    among what is linked to, unless the study is a package.

    Raises:
        BadInput: for a study without a file.
    """
    if study.file is None or ref.kind == "memory":
        raise BadInput(
            f"study '{study.name}' has no file that other processes could load", hint="put it into a file and open that"
        )
    folder = study.file.parent
    is_package = (folder / "__init__.py").is_file()
    root = _import_root(study.file) if ref.kind == "entry" else folder.parent
    copied = {path for path in own_files(study) if path.is_relative_to(root)}
    linked: set[Path] = set()
    if is_package:
        top = folder
        while ref.kind == "entry" and (top.parent / "__init__.py").is_file():
            top = top.parent  # the modules of a package import each other by its name: they come along
        copied |= {path for path in _walk(top) if path.suffix == ".py"}
        for path in _walk(folder):
            (copied if path.stat().st_size <= SMALL_BYTES else linked).add(path)
    elif ref.kind == "file":
        taken = {path for one in copied for path in (one, *one.parents)}
        linked = {Path(entry.path) for entry in os.scandir(folder) if entry.name not in SKIPPED} - taken
    target = str(study.file.relative_to(root)) if ref.kind == "file" else ref.target
    return Snapshot(
        {str(path.relative_to(root)): path for path in sorted(copied)},
        {str(path.relative_to(root)): path for path in sorted(linked)},
        StudyRef(ref.kind, target),
    )


def _import_root(file: Path) -> Path:
    """The folder of the search path in which an installed study's top package lies."""
    roots = [Path(one).resolve() for one in sys.path if one]
    holding = [root for root in roots if file.is_relative_to(root)]
    return max(holding, key=lambda root: len(root.parts)) if holding else file.parent


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED and not (Path(here) / name / ".quadrat").exists()]
        found += [Path(here) / name for name in files]
    return [path for path in found if path.is_file() and not path.is_symlink()]

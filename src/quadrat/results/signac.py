"""A signac workspace of finished runs: one job per run, which the real `signac` opens and searches.

Format: https://docs.signac.io/en/latest/jobs.html (state point, document, job folder), as signac 2 writes it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput

_OWN = {"signac_statepoint.json", "signac_job_document.json"}


@dataclass(frozen=True)
class Job:
    """A run as a signac job.

    Attributes:
        run: its id.
        state: the state point, JSON-able; names with a dot become nested mappings.
        document: metrics and ids; the same.
        files: artifacts: (task, the file's path in its run, where it lies).
    """

    run: str
    state: Mapping[str, Any]
    document: Mapping[str, Any]
    files: Sequence[tuple[str, str, Path]] = ()


@dataclass
class Exported:
    """What an export did.

    Attributes:
        jobs: how many jobs there are, new of them how many were not there before.
        linked, copied: how many files were made as hard links or as copies (not those that were right already).
        lost: artifacts that are not on disk any more.
    """

    jobs: int = 0
    new: int = 0
    linked: int = 0
    copied: int = 0
    lost: list[Path] = field(default_factory=list)


def export(jobs: Iterable[Job], out: Path, *, copy: bool = False) -> Exported:
    """Write jobs into a signac project, which is made where it does not exist. Doing it again adds what is new.

    Args:
        jobs: the jobs.
        out: the project's folder.
        copy: copy artifacts in place of linking them. Links share the bytes of the store and are read-only as these
            are; where the file system has none, files are copied anyway.

    Raises:
        BadInput: where signac is not installed, two runs have one state point, or the folder cannot be written.
    """
    try:
        import signac
    except ImportError:
        raise BadInput("the export needs signac", hint="pip install 'quadrat[signac]'") from None
    done = Exported()
    seen: dict[str, str] = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        project = signac.init_project(path=str(out))
        for one in jobs:
            job = project.open_job(nested(one.state))
            if seen.setdefault(job.id, one.run) != one.run:
                raise BadInput(
                    f"runs {seen[job.id][:12]} and {one.run[:12]} have equal parameters: they would be one job",
                    hint="they differ in what they gathered or in the version of the task; export another --task",
                )
            done.jobs += 1
            done.new += not Path(job.path).exists()
            job.init()
            there = job.document()
            changed = {name: value for name, value in nested(one.document).items() if there.get(name) != value}
            if changed:
                job.document.update(changed)  # what a user of signac has added stays
            _place(one.files, Path(job.path), done, copy=copy)
    except OSError as error:
        raise BadInput(f"'{out}' cannot be written: {error.strerror or error}") from None
    return done


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Names with a dot as nested mappings, which signac searches by the dotted name: it allows no dot in a key."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        *path, last = name.split(".")
        place = found
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return found


def _place(files: Sequence[tuple[str, str, Path]], folder: Path, done: Exported, *, copy: bool) -> None:
    """Put artifacts into a job's folder; names that two tasks use, or signac itself, get the task in front."""
    heads = Counter(Path(name).parts[0] for _, name, _ in files)
    for task, name, source in files:
        parts = Path(name).parts
        crowded = heads[parts[0]] > 1 or parts[0] in _OWN
        target = folder / (f"{task}_{name}" if crowded else name)
        if not source.exists():
            done.lost.append(source)
        elif source.is_dir():
            for part in sorted(part for part in source.rglob("*") if part.is_file()):
                _one(part, target / part.relative_to(source), done, copy=copy)
        else:
            _one(source, target, done, copy=copy)


def _one(source: Path, target: Path, done: Exported, *, copy: bool) -> None:
    """Link or copy one file, unless it is there already."""
    if target.exists():
        here, there = target.stat(), source.stat()
        same = here.st_ino == there.st_ino and here.st_dev == there.st_dev
        copied = here.st_size == there.st_size and here.st_mtime_ns == there.st_mtime_ns
        if (copied and not same) if copy else (same or copied):
            return
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
        else:
            done.linked += 1
            return
    shutil.copy2(source, target)
    done.copied += 1

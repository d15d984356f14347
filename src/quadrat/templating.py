"""New studies: a copy of one that works, under another name."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from quadrat.core.errors import BadInput
from quadrat.core.loading import find_study

LEFT_OUT = ("__pycache__",)


def make_study(name: str, folder: Path, source: str = "mnist_fgsm") -> Path:
    """Copy a study into `folder/name`, its name changed.

    Args:
        name: the new study's name.
        folder: where its folder is made.
        source: the study that is copied.

    Returns:
        The new folder.

    Raises:
        BadInput: for a name that is none, a folder that exists, a study that has no folder of its own.
    """
    if not name.isidentifier():
        raise BadInput(f"'{name}' is no name for a study", hint="letters, digits and _, not beginning with a digit")
    target = folder / name
    if target.exists():
        raise BadInput(f"'{target}' exists already", hint="choose another name, or another folder with --in")
    study = find_study(source).study
    if study.file is None or study.file.name != "study.py":
        raise BadInput(f"study '{source}' has no folder of its own to copy")
    try:
        shutil.copytree(study.file.parent, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    except OSError as error:
        raise BadInput(f"'{target}' cannot be made: {error.strerror}") from None
    for file in target.rglob("*"):
        if file.suffix in (".py", ".md", ".yaml"):
            text = file.read_text(encoding="utf-8")
            file.write_text(re.sub(rf"\b{re.escape(study.name)}\b", name, text), encoding="utf-8")
    return target

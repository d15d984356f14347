"""The files that Snakemake is asked for: which they are, and that an absolute path means the same as a relative one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def file_targets(arguments: Sequence[str]) -> list[str]:
    """The files among the targets of a command line of Snakemake, from the working folder.

    Args:
        arguments: what stands after `snakemake`.
    """
    if not any("." in text and not text.startswith("-") for text in arguments):
        return []
    from snakemake.cli import get_argument_parser

    try:
        found, _ = get_argument_parser().parse_known_args(list(arguments))
    except SystemExit:  # another program's arguments: Snakemake was called from Python
        return []
    return [relative(target) for target in found.targets or () if "." in target]


def relative(target: str) -> str:
    """A path as it is from the working folder, where it lies there; any other target as it stands."""
    if Path(target).is_absolute() and Path(target).is_relative_to(Path.cwd()):
        return str(Path(target).relative_to(Path.cwd()))
    return target


def take_absolute(workflow: Any) -> None:
    """Let targets be absolute paths.

    Snakemake compares the names of outputs as texts, and these are relative here. It hands over the targets when the
    Snakefile has been read, so that they can only be changed as they come.
    """
    kind: Any = type(workflow)

    def assign(self: Any, name: str, value: Any) -> None:
        if name == "dag_settings" and value is not None:
            value.targets = type(value.targets)(map(relative, value.targets))
        kind.__setattr__(self, name, value)

    workflow.__class__ = type(kind.__name__, (kind,), {"__setattr__": assign, "__module__": kind.__module__})

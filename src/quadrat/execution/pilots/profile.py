"""What a profile says of pilots: where they come from, and what is in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LOCAL = "LocalProvider"
BEGAN_VARIABLE = "QUADRAT_PILOT_BEGAN"
"""When a pilot began, in seconds since 1970: told to what runs in it."""


@dataclass(frozen=True)
class Part:
    """A class of Parsl's by its name, and its keywords as they were written."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """Where pilots come from, and what is in one.

    Attributes:
        file: where it was read from.
        lines: the line of every key, for errors.
        provider: the class of `parsl.providers` that starts pilots.
        launcher: the class of `parsl.launchers` that starts a worker pool on each node of a pilot; None for the
            provider's own choice.
        workers: workers on each node; None for the cores of this machine.
        cpus: cores of each worker.
        gpus: devices of each node, given out to its workers in equal parts; None for what this machine has where pilots
            are local, else for none that are given out: runs then see what the job has.
        address: where the workers find this process: an address, a host's name, or a network interface's name; None for
            all addresses of this machine.
        ports: the first and the last port that workers may connect to; None for Parsl's own range.
        python: the interpreter on the nodes; None for the path of this one.
        folder: where scripts, keys and logs of pilots go, which the nodes must see; None for the store.
        heartbeat: seconds between two signs of life.
        idle: seconds after which a pilot without work is given back.
        drain: seconds after which a pilot takes nothing new, and ends with its last run; None for never.
    """

    file: str
    provider: Part
    launcher: Part | None = None
    workers: int | None = None
    cpus: int = 1
    gpus: int | None = None
    address: str | None = None
    ports: tuple[int, int] | None = None
    python: str | None = None
    folder: str | None = None
    heartbeat: int = 5
    idle: float = 120
    drain: int | None = None
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether pilots are processes of this machine."""
        return self.provider.name == LOCAL

    def where(self, *path: str) -> str:
        """File and line of a key, or of the nearest key around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.file}:{self.lines[path[:length]]}"
        return self.file

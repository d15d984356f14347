"""Accelerators: what this machine's are called, which of them are in use and by how much, and what a worker sees.

No framework is asked: it would open the devices, and a process that has them open cannot be forked. What a process sees
is what its environment names when it first opens a device.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from quadrat.core.errors import BadInput

CUDA, HIP, ROCR = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"

WHOLE = 1_000_000
"""A device, in the parts that are counted: whole numbers, so that ten tenths are exactly one device."""

PLENTY = 1_000_000_000

# What SLURM writes for a job without devices; and where CUDA stops to read.
_NOTHING = ("NoDevFiles", "-1")


def part(gpus: float) -> int:
    """How much of each of its devices a run takes; rounded down, so that three thirds fit."""
    return min(WHOLE, max(1, int(gpus * WHOLE + 1e-3)))


@dataclass(frozen=True)
class Visible:
    """The devices that this process may use.

    Attributes:
        names: what they are called: numbers, or names such as "GPU-8932f937" or "MIG-…"; empty where none is known.
        variables: the variables that name them to a process; empty where nothing is known.
    """

    names: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    def environment(self, devices: Iterable[int]) -> dict[str, str]:
        """What the environment of a process must say so that it sees these devices only.

        Empty where nothing is known: there may be devices of a kind that is not known here.
        """
        nothing = "" if self.variables == (CUDA,) else "-1"  # AMD's libraries take an empty list for none given
        return dict.fromkeys(self.variables, ",".join(self.names[number] for number in devices) or nothing)

    def check(self, task: str, gpus: float) -> None:
        """Check that a task's runs can be placed. Where no device is known, all can: they see what there is.

        Raises:
            BadInput: where it asks for more devices than there are.
        """
        count = len(self.names)
        if count and gpus > count:
            raise BadInput(
                f"task '{task}' asks for {gpus:g} gpus, this machine has {count}: {', '.join(self.names)}",
                hint=f"ask for fewer with resources.{task}.gpus={count}, or run it where there are more",
            )


def named_devices(environment: Mapping[str, str]) -> Visible | None:
    """The devices that an environment names; None where it names none and hides none.

    HIP's variable goes with CUDA's, since AMD's libraries read either. ROCR's comes first for them, and the others then
    count from what it has left: it is never set together with them.
    """
    variables = tuple(name for name in (CUDA, HIP) if name in environment) or (ROCR,)
    if variables[0] not in environment:
        return None
    names: dict[str, None] = {}
    for name in environment[variables[0]].split(","):
        if name.strip() in _NOTHING:
            break
        if name.strip():
            names[name.strip()] = None
    return Visible(tuple(names), variables)


def visible_devices(environment: Mapping[str, str] = os.environ, folder: str = "/dev") -> Visible:
    """The devices that this process may use: as its environment (a user's, SLURM's) says, else all of the machine's.

    Without a word in the environment they are counted, not named: a container that has the second device of its machine
    calls it 0.
    """
    named = named_devices(environment)
    if named is not None or sys.platform != "linux":
        return named or Visible()
    files = [name for name in os.listdir(folder) if name.startswith("nvidia") and name[6:].isdecimal()]
    return Visible(tuple(str(number) for number in range(len(files))), (CUDA,) if files else ())


class Devices:
    """Which devices are in use, and by how much.

    Runs with less than one device share: the fullest device that still has room is taken, so that whole ones stay free
    for those that need them. Others have theirs alone.

    Args:
        count: how many there are; with none, everything has room and gets none.
    """

    def __init__(self, count: int) -> None:
        self._free = [WHOLE] * count

    def room(self, gpus: float) -> int:
        """How many runs that ask for so much could begin now."""
        if not gpus or not self._free:
            return PLENTY
        return sum(free // part(gpus) for free in self._free) // self._wanted(gpus)

    def acquire(self, gpus: float) -> tuple[int, ...] | None:
        """Take devices for a run; None where there is no room for it now."""
        if not gpus or not self._free:
            return ()
        fitting = [number for number, free in enumerate(self._free) if free >= part(gpus)]
        chosen = sorted(fitting, key=self._free.__getitem__)[: self._wanted(gpus)]
        if len(chosen) < self._wanted(gpus):
            return None
        for number in chosen:
            self._free[number] -= part(gpus)
        return tuple(chosen)

    def release(self, devices: Iterable[int], gpus: float) -> None:
        """Give back what `acquire` gave."""
        for number in devices:
            self._free[number] += part(gpus)

    def _wanted(self, gpus: float) -> int:
        """How many devices. Who wants more than there are gets all: it must not wait for ever."""
        return min(math.ceil(gpus), len(self._free))

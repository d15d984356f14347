"""What a run needs of a machine, checked where it is declared."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from quadrat.core.errors import DeclarationError

_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)")
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(min|[smhd])")


def parse_memory(text: str | int) -> int:
    """Bytes from "2GB", "512MiB" or a number of bytes."""
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?[i]?)[bB]?\s*", str(text))
    if not found or float(found[1]) <= 0:
        raise DeclarationError(f"memory '{text}' is not an amount of memory", hint="write '2GB', '512MiB' or bytes")
    return int(float(found[1]) * _BYTES[found[2].lower()])


def parse_duration(text: str | float) -> float:
    """Seconds from "90s", "1.5h", "2d", "01:30:00" or a number of seconds."""
    seconds = 0.0
    if isinstance(text, str):
        if clock := _CLOCK.fullmatch(text.strip()):
            days, hours, minutes, rest = (int(part or 0) for part in clock.groups())
            seconds = ((days * 24 + hours) * 60 + minutes) * 60 + rest
        elif not _PARTS.sub("", text).strip():
            seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))
    elif not isinstance(text, bool):
        seconds = float(text)
    if not 0 < seconds < math.inf:
        raise DeclarationError(f"'{text}' is not a duration", hint="write '90s', '1h30m', '01:30:00' or seconds")
    return float(seconds)


@dataclass(frozen=True)
class Resources:
    """What one run needs: cpus (also its number of threads), gpus, memory in bytes, walltime in seconds.

    Raises:
        DeclarationError: where a value makes no sense.
    """

    cpus: int = 1
    gpus: float = 0
    memory: int | None = None
    walltime: float | None = None

    def __post_init__(self) -> None:
        cpus: Any = self.cpus  # people write what they like: the types hold after the checks
        gpus: Any = self.gpus
        if type(cpus) is not int or cpus < 1:
            raise DeclarationError(f"cpus={cpus!r} is not a number of cpus", hint="a whole number, 1 or more")
        if type(gpus) not in (int, float) or not 0 <= gpus < math.inf:
            raise DeclarationError(f"gpus={gpus!r} is not a number of gpus", hint="0, 1, … or a share such as 0.5")
        if gpus > 1 and gpus % 1:
            raise DeclarationError(f"gpus={gpus!r} is neither whole nor a share of one", hint="1, 2, … or less than 1")

    @classmethod
    def of(
        cls,
        cpus: int = 1,
        gpus: float = 0,
        memory: str | int | None = None,
        walltime: str | float | None = None,
    ) -> Resources:
        """Resources from the forms that people write ("2GB", "1h")."""
        return cls(
            cpus,
            gpus,
            None if memory is None else parse_memory(memory),
            None if walltime is None else parse_duration(walltime),
        )

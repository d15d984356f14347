"""What a run needs of a machine, checked where it is declared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from quadrat.core.errors import DeclarationError

_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


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
    if isinstance(text, int | float) and not isinstance(text, bool):
        if text > 0:
            return float(text)
    elif clock := re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", text.strip()):
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    elif parts := re.findall(r"(\d+(?:\.\d+)?)\s*(min|[smhd])", text):
        if re.sub(r"(\d+(?:\.\d+)?)\s*(min|[smhd])", "", text).strip() == "":
            return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    raise DeclarationError(f"'{text}' is not a duration", hint="write '90s', '1h30m', '01:30:00' or seconds")


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
        if isinstance(self.cpus, bool) or not isinstance(self.cpus, int) or self.cpus < 1:
            raise DeclarationError(f"cpus={self.cpus!r} is not a number of cpus", hint="a whole number, 1 or more")
        if isinstance(self.gpus, bool) or not isinstance(self.gpus, int | float) or self.gpus < 0:
            raise DeclarationError(f"gpus={self.gpus!r} is not a number of gpus", hint="0, 1, … or a share such as 0.5")

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

"""One thing that was looked at, and what was found."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


class Level(enum.Enum):
    """How it looks."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        about: what it belongs to: "this machine", "the store", "SLURM", "a node".
        level: how it looks.
        text: what was found, one line.
        advice: what to do; empty where all is well.
    """

    about: str
    level: Level
    text: str
    advice: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"about": self.about, "level": self.level.value, "text": self.text, "advice": self.advice or None}


@dataclass(frozen=True)
class About:
    """Makes the checks of one thing."""

    name: str

    def ok(self, text: str) -> Check:
        """All is well."""
        return Check(self.name, Level.OK, text)

    def warn(self, text: str, advice: str) -> Check:
        """It works, but somebody should know."""
        return Check(self.name, Level.WARN, text, advice)

    def fail(self, text: str, advice: str) -> Check:
        """It does not work."""
        return Check(self.name, Level.FAIL, text, advice)

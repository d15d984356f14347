"""What the jobs of one Snakemake know of a frozen plan: names and who reads whom, in a file that is read quickly.

Each job that Snakemake hands to a cluster reads the Snakefile anew, so that only the standard library is imported here.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

SHEET_FILE = "snakemake.json"


class Unknown(LookupError):
    """A name that no run of the plan has."""


@dataclass(frozen=True)
class Reads:
    """What an argument of a rule reads: of each run one other run, or a group of them.

    Attributes:
        rule: whose runs it reads.
        place: for each run the place of the other one, or of the group; -1 for none.
        groups: the members of each group; None where it reads single runs.
    """

    rule: str
    place: list[int]
    groups: list[list[int]] | None = None

    def of(self, run: int) -> list[int]:
        """The places of what a run reads."""
        place = self.place[run]
        if place < 0:
            return []
        return [place] if self.groups is None else self.groups[place]


@dataclass(frozen=True)
class RuleSheet:
    """The runs of a rule.

    Attributes:
        task: its task.
        patterns: its outputs with wildcards.
        names: for each output the names of the runs; the first one's stand for the runs.
        reads: what it reads, by argument.
        held: the runs that are not to be tried again, and those that need them.
        shorter: for each run a shorter one that has to be made first, from which it goes on, or -1; empty for none.
    """

    task: str
    patterns: list[str]
    names: list[list[str]]
    reads: dict[str, Reads]
    held: list[int] = field(default_factory=list)
    shorter: list[int] = field(default_factory=list)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each run by any of its names."""
        return {name: place for names in self.names for place, name in enumerate(names)}

    def wanted(self) -> list[str]:
        """All names but those of runs that are held back."""
        held = set(self.held)
        return [name for names in self.names for place, name in enumerate(names) if place not in held]

    def place(self, wildcards: Any) -> int:
        """The run that wildcards stand for.

        Raises:
            Unknown: where it has none.
        """
        name = re.sub(r"{(\w+)}", lambda found: str(getattr(wildcards, found[1])), self.patterns[0])
        if name not in self.places:
            raise Unknown(f"no run of this sweep has the name '{name}': --config says what is in a sweep")
        return self.places[name]


@dataclass(frozen=True)
class Sheet:
    """The rules of a frozen plan.

    Attributes:
        folder: the frozen plan's.
        rules: by name, upstreams first.
        targets: which rules a further target stands for.
    """

    folder: Path
    rules: dict[str, RuleSheet]
    targets: dict[str, list[str]]

    @classmethod
    def load(cls, folder: Path) -> Sheet:
        """Read the sheet of a frozen plan."""
        told = json.loads((folder / SHEET_FILE).read_text(encoding="utf-8"))
        rules = {
            name: RuleSheet(**{**one, "reads": {arg: Reads(**reads) for arg, reads in one["reads"].items()}})
            for name, one in told["rules"].items()
        }
        return cls(folder, rules, told["targets"])

    def save(self) -> None:
        """Write it, once."""
        file = self.folder / SHEET_FILE
        if file.exists():
            return
        told: dict[str, Any] = {"rules": self.rules, "targets": self.targets}
        partial = file.with_name(f".{SHEET_FILE}.{os.getpid()}")
        partial.write_text(json.dumps(told, default=_fields), encoding="utf-8")
        partial.replace(file)

    def chosen(self, target: str) -> list[str]:
        """The rules that a target's name stands for; all where it is none's."""
        return self.targets.get(target, list(self.rules))


def _fields(one: Any) -> dict[str, Any]:
    return {each.name: getattr(one, each.name) for each in fields(one)}

"""The only file that spells paths of a store."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FORMAT = 1
SUBMISSION_FILE = "submission.json"
"""What a submission's folder says of it."""
SHARDS = tuple(f"{number:02x}" for number in range(256))


@dataclass(frozen=True)
class Layout:
    """Where things are in a store. Everything of its own lies under `.quadrat/`; the rest of the folder is views."""

    root: Path

    @cached_property
    def home(self) -> Path:
        """The store's own folder."""
        return self.root / ".quadrat"

    @cached_property
    def format_file(self) -> Path:
        """Says which format the store has."""
        return self.home / "format.json"

    @cached_property
    def runs(self) -> Path:
        """Folders of finished runs, in 256 shards by the first byte of the id."""
        return self.home / "runs"

    @cached_property
    def runs_text(self) -> str:
        """The same as text: paths of runs are made by the thousand."""
        return str(self.runs)

    def run(self, id: str, attempt: int) -> Path:
        """The folder of a committed attempt."""
        return Path(self.run_text(id, attempt))

    def run_text(self, id: str, attempt: int) -> str:
        """The same as text."""
        return f"{self.runs_text}/{id[:2]}/{id}.{attempt}"

    def shard(self, name: str) -> Path:
        """One shard."""
        return self.runs / name

    def staging(self, id: str, owner: str, nonce: str) -> Path:
        """Where an attempt is made before it is committed: beside its target, so that one rename does it."""
        return Path(f"{self.runs_text}/{id[:2]}/.{id}~{owner}~{nonce}")

    @staticmethod
    def staging_owner(name: str) -> str | None:
        """The owner of a staging folder by its name, or None for another name."""
        parts = name.split("~")
        return parts[1] if name.startswith(".") and len(parts) == 3 else None

    @staticmethod
    def nonce(host: str, pid: int) -> str:
        """What sets the attempts of an owner apart in the names of staging folders: the worker, and when it began."""
        return f"{host}-{pid}-{time.time_ns():x}".replace("~", "-")

    @staticmethod
    def staging_maker(name: str) -> tuple[str, float]:
        """Who makes an attempt ("host-pid") and since when (seconds since 1970), by its staging folder's name.

        ("", 0.0) for a name that does not say it.
        """
        worker, _, began = name.rpartition("~")[2].rpartition("-")
        try:
            return worker, int(began, 16) / 1e9 if worker else 0.0
        except ValueError:
            return "", 0.0

    @staticmethod
    def run_name(name: str) -> tuple[str, int] | None:
        """Id and attempt of a run's folder by its name, or None for another name."""
        id, _, attempt = name.partition(".")
        if len(id) != 32 or not attempt.isdecimal():
            return None
        return id, int(attempt)

    def scratch(self, id: str) -> Path:
        """What a run keeps from attempt to attempt until it is finished."""
        return self.home / "scratch" / id

    @cached_property
    def failures(self) -> Path:
        """Records of runs that failed."""
        return self.home / "failures"

    def failure(self, id: str) -> Path:
        """The record of one."""
        return self.failures / f"{id}.json"

    def failure_log(self, id: str) -> Path:
        """Its whole log."""
        return self.failures / f"{id}.log"

    @cached_property
    def leases(self) -> Path:
        """One file for each process that works on the store."""
        return self.home / "leases"

    def lease(self, owner: str, take: int) -> Path:
        """The lease of a process; taken anew after it was lost, it is another file of the same owner."""
        return self.leases / (owner if take == 1 else f"{owner}+{take}")

    @staticmethod
    def lease_owner(name: str) -> str:
        """The owner of a lease by its name."""
        return name.partition("+")[0]

    @cached_property
    def dead_leases(self) -> Path:
        """Leases that were declared dead; an owner that misses its own takes a new one."""
        return self.home / "leases" / "dead"

    @cached_property
    def claims(self) -> Path:
        """Runs that somebody is at."""
        return self.home / "claims"

    def live_logs(self, owner: str) -> Path:
        """The output of a process's workers while they are at it."""
        return self.home / "live" / owner

    def live_log(self, owner: str, worker: str) -> Path:
        """What the current batch of one of them ("host-pid") has printed."""
        return self.live_logs(owner) / f"{worker}.log"

    @cached_property
    def environments(self) -> Path:
        """Provenance of environments, once for each distinct one."""
        return self.home / "environments"

    @cached_property
    def plans(self) -> Path:
        """The requests that were run, and the plans that were frozen for other processes to run."""
        return self.home / "plans"

    def frozen(self, name: str) -> Path:
        """A frozen plan: its values and a snapshot of the study's code."""
        return self.plans / name

    @cached_property
    def links(self) -> Path:
        """Links to artifacts that have not got their names yet."""
        return self.home / "links"

    @cached_property
    def submissions(self) -> Path:
        """What was handed to a cluster: one folder each time."""
        return self.home / "submissions"

    @cached_property
    def index(self) -> Path:
        """The rebuildable cache of what the run folders say."""
        return self.home / "index"

    @cached_property
    def quarantine(self) -> Path:
        """Runs that were set aside."""
        return self.home / "quarantine"

    @cached_property
    def notes(self) -> Path:
        """What people wrote about runs."""
        return self.home / "notes.jsonl"

    @cached_property
    def accepted(self) -> Path:
        """Which code was declared to be as good as which."""
        return self.home / "accepted.json"

    def make(self) -> None:
        """Make the folders that are not there: all of a new store, and the empty ones that a copy may have lost."""
        for folder in (self.failures, self.dead_leases, self.claims, self.environments, self.plans, self.index):
            folder.mkdir(parents=True, exist_ok=True)
        self.runs.mkdir(exist_ok=True)
        there = set(os.listdir(self.runs))
        for name in SHARDS:
            if name not in there:
                os.makedirs(self.runs / name, exist_ok=True)

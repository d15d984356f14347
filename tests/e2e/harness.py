"""What the end-to-end tests share: small studies on disk, the real command as a process, and looks into stores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

from quadrat.store.failures import Failure, read
from quadrat.store.record import Record
from quadrat.store.store import Store
from quadrat.testing.conformance import check_store, wait_until

__all__ = ["Place", "check_store", "wait_until"]

HEAD = """
import os, random, signal, sys, threading, time
from pathlib import Path
from typing import Annotated, Literal

import quadrat as qd

study = qd.Study("small")
SIDE = Path(os.environ["SIDE"])


def note(text):
    with open(SIDE / "notes", "a") as file:
        file.write(f"{text}\\n")
"""


class Place:
    """A folder with a study and a store, and the command on them.

    Args:
        folder: where.
        body: the study's tasks, after `HEAD`.
    """

    def __init__(self, folder: Path, body: str) -> None:
        self.folder = folder
        self.study = folder / "small.py"
        self.side = folder / "side"
        self.side.mkdir(exist_ok=True)
        self.root = folder / "runs"
        self.environment: dict[str, str] = {}
        self.write(body)

    def write(self, body: str) -> None:
        """Write the study (anew)."""
        self.study.write_text(HEAD + textwrap.dedent(body), encoding="utf-8")

    def command(self, *arguments: str, verb: str = "run") -> list[str]:
        """A command line on the study and the store."""
        return [sys.executable, "-c", "from quadrat.cli import main; main()", verb, str(self.study), *arguments]

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SIDE": str(self.side),
            "QUADRAT_STORE": str(self.root),
            "COLUMNS": "200",
            **self.environment,
        }

    def run(self, *arguments: str, code: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """`quadrat run`, which is to end with a code."""
        done = subprocess.run(
            self.command(*arguments),
            env=self._environment | environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert code is None or done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def quadrat(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Another verb, which does not take the study first."""
        done = subprocess.run(
            [sys.executable, "-c", "from quadrat.cli import main; main()", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert code is None or done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """`quadrat run` in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self._environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def store(self) -> Store:
        """The store, opened anew."""
        return Store(self.root)

    def records(self, task: str | None = None) -> list[Record]:
        """The newest record of each finished run."""
        return [record for record in self.store.records() if task is None or record.task == task]

    def results(self) -> dict[str, str]:
        """For each finished run its metrics and the checksums of its artifacts, to the last bit."""
        return {
            record.id: json.dumps([record.metrics, {name: one.sha256 for name, one in record.artifacts.items()}])
            for record in self.records()
        }

    def failures(self) -> list[Failure]:
        """The records of failures, in the order of their parameters."""
        layout = self.store.layout
        found = [read(layout, path.stem) for path in layout.failures.glob("[0-9a-f]*.json")]
        return sorted((one for one in found if one), key=lambda one: json.dumps(one.params, sort_keys=True))

    def notes(self) -> Counter[str]:
        """What tasks have noted, and how often."""
        path = self.side / "notes"
        return Counter(path.read_text(encoding="utf-8").splitlines() if path.exists() else [])

    def plan(self, *arguments: str) -> list[dict[str, Any]]:
        """The items of `quadrat plan --list --json`."""
        done = subprocess.run(
            self.command(*arguments, "--list", "--json", verb="plan"),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout)["items"])

    def reasons(self, *arguments: str) -> Counter[tuple[str, str]]:
        """How many runs of each task have each reason."""
        return Counter((item["task"], item["reason"]) for item in self.plan(*arguments))

    def check(self) -> None:
        """Nothing is broken, nothing left behind."""
        check_store(self.root)

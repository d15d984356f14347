"""A real SLURM for the tests of this folder: one lab for each process of pytest, empty and whole before each test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOOL = HERE.parents[1] / "tools" / "slurm_lab.py"
NOT_INSTALLED = 3  # the exit code of the tool
WAIT_SECONDS = 60.0
PORTS = 100  # what one process of pytest has for itself


@dataclass(frozen=True)
class Lab:
    """A running SLURM with the nodes n1, n2 and n3, of 8 CPUs, 16,000 MB and 2 GPUs each."""

    dir: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """What a process gets that shall see this SLURM and no other."""
        foreign = ("SLURM", "SBATCH", "SQUEUE", "SCANCEL", "SINFO")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        path = f"{self.dir / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**kept, "PATH": path, "SLURM_CONF": str(self.dir / "slurm.conf")}

    def run(
        self, *command: str | Path, check: bool = True, cwd: Path | None = None, timeout: float = 2 * WAIT_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that sees this SLURM; the test fails with what it said if it fails and `check` holds."""
        done = subprocess.run(
            command, env=self.environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=timeout
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def set_node(self, name: str, state: str) -> None:
        """Put a node into a state, as an administrator does: down, drain, resume.

        Down kills the node's jobs; since its daemon lives and answers for them, SLURM then takes the node back by
        itself. One that had no jobs stays down.
        """
        reason = [] if state.lower() in {"resume", "idle"} else ["Reason=test"]
        self.run("scontrol", "update", f"NodeName={name}", f"State={state}", *reason)

    def queue(self, columns: str = "%i %T %r") -> list[str]:
        """The jobs that wait or run, each element of an array for itself."""
        return self.run("squeue", "--noheader", "--array", f"--format={columns}").stdout.splitlines()

    def wait_until(self, condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
        """Look again and again until something holds; the test fails with the queue where it does not in time."""
        end = time.monotonic() + seconds
        while not (held := condition()) and time.monotonic() < end:
            time.sleep(0.05)
        if not held:
            nodes = self.run("sinfo", "--Node").stdout
            pytest.fail("\n".join([f"what was waited for did not happen in {seconds:g} s", *self.queue(), nodes]))

    def clear(self) -> None:
        """Cancel every job and bring back every node."""
        if jobs := sorted(set(self.queue("%F"))):
            # Not checked: a job may end meanwhile.
            self.run("scancel", "--quiet", *jobs, check=False)
        for line in self.run("sinfo", "--noheader", "--Node", "--partition=main", "--format=%N %T").stdout.splitlines():
            name, state = line.split()
            if state.startswith(("down", "drain", "fail")):
                self.set_node(name, "resume")
        self.wait_until(lambda: not self.queue())
        self.wait_until(self._all_idle)

    def _all_idle(self) -> bool:
        states = self.run("sinfo", "--noheader", "--partition=main", "--format=%T").stdout.split()
        return states == ["idle"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a cluster."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


def start_lab(folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Start a lab, whatever comes of it."""
    command = [sys.executable, str(TOOL), "start", "--dir", str(folder), "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A SLURM of this process's own, which ends with it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    folder = Path(tempfile.mkdtemp(prefix="slurm-lab-")).resolve()  # not below tmp_path: sockets have short paths
    try:
        for port in range(22000 + PORTS * (worker % 10), 32000, 10 * PORTS):
            done = start_lab(folder, port)
            if "in use" not in done.stderr:  # of another run of the tests on this machine
                break
        if done.returncode == NOT_INSTALLED and not os.environ.get("CI"):
            pytest.skip(done.stderr.strip())
        if done.returncode:
            pytest.fail(done.stderr.strip())
        yield Lab(folder, port)
    finally:
        subprocess.run(
            [sys.executable, str(TOOL), "stop", "--dir", str(folder)], capture_output=True, check=False, timeout=120
        )
        if not request.session.testsfailed:  # otherwise its logs may tell why
            shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def cleared(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test with a lab, nothing of it is left there."""
    lab = request.getfixturevalue("lab") if "lab" in request.fixturenames else None
    yield
    if isinstance(lab, Lab):
        lab.clear()

"""What bench_cluster.py measures with: a folder and a time limit for each row, and a SLURM of its own."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
LAB = HERE.parent / "tools" / "slurm_lab.py"
STUDY = HERE / "scale_study.py"
PEERS = HERE / "peers"
PACKAGES = ("quadrat", "parsl", "snakemake", "snakemake-executor-plugin-slurm", "submitit", "signac-flow")
FOREIGN = ("SLURM", "SBATCH", "SQUEUE", "SCANCEL", "SINFO", "QUADRAT", "SNAKEMAKE", "PYTHONPATH")
PORTS = range(28000, 32000, 100)
IN_USE = "in use"
SIGNAL_SECONDS = 5.0
EMPTY_SECONDS = 60.0


class NotMeasuredError(Exception):
    """Why a row has no numbers; the lines after the first are for standard error."""


@dataclass
class Bench:
    """Where one row is measured, and until when.

    Attributes:
        folder: fresh and empty; the row's own.
        environment: of every command.
        ends: no command of the row runs longer than until then, by the monotonic clock.
        is_quick: whether the small table is asked for.
    """

    folder: Path
    environment: dict[str, str]
    ends: float
    is_quick: bool = False
    count: int = field(default=0, init=False)

    def timed(self, *command: str | Path) -> float:
        """Seconds of one command, started fresh in the row's folder; it and its children are gone afterwards."""
        argv = list(map(str, command))
        self.count += 1
        log = self.folder / f"command-{self.count}.log"
        with log.open("wb") as output:
            before = time.perf_counter()
            process = subprocess.Popen(
                argv,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                code = process.wait(max(0.1, self.ends - time.monotonic()))
                seconds = time.perf_counter() - before
            except subprocess.TimeoutExpired:
                raise NotMeasuredError(f"not over in time: {_short(argv)}{_tail(log)}") from None
            finally:
                _end_group(process)
        if code:
            raise NotMeasuredError(f"{_short(argv)} ended with exit code {code}{_tail(log)}")
        return seconds

    def python(self, *arguments: str | Path) -> float:
        """Seconds of a fresh interpreter."""
        return self.timed(sys.executable, *arguments)

    def quadrat(self, *arguments: str | Path) -> float:
        """Seconds of one command of Quadrat's."""
        return self.python("-m", "quadrat", *arguments)

    def snakemake(self, *arguments: str | Path) -> float:
        """Seconds of one command of Snakemake's."""
        return self.python("-m", "snakemake", *arguments)

    def until_queue_is_empty(self) -> float:
        """Seconds until SLURM's queue has nothing more."""
        before = time.perf_counter()
        while queue(self.environment):
            if time.monotonic() > self.ends:
                raise NotMeasuredError("not over in time: jobs are still in the queue")
            time.sleep(0.1)
        return time.perf_counter() - before


def _short(argv: list[str]) -> str:
    """A command by its first words."""
    words = [Path(word).name for word in argv if word not in (sys.executable, "-m")]
    return " ".join(words[:2])


def _tail(log: Path) -> str:
    """The last lines of what a command said."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "".join(f"\n    {line[:200]}" for line in lines[-8:])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a command: politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SIGNAL_SECONDS)


def counted(found: int, expected: int) -> None:
    """A row counts only when all that it was to do is there."""
    if found != expected:
        raise NotMeasuredError(f"{found:,} of {expected:,} runs finished")


def records(store: Path) -> list[tuple[float, float]]:
    """When each finished run of a store began and how long it took, read from the files and by nothing of Quadrat's."""
    found = []
    for file in (store / ".quadrat" / "runs").glob("*/[0-9a-f]*/run.json"):
        record = json.loads(file.read_bytes())
        found.append((record["started"], record.get("seconds", 0.0)))
    return found


def span(found: list[tuple[float, float]]) -> float:
    """Seconds from the begin of the first run to the end of the last."""
    return max(started + seconds for started, seconds in found) - min(started for started, _ in found)


def queue(environment: dict[str, str]) -> list[str]:
    """The jobs in SLURM's queue."""
    done = subprocess.run(
        ["squeue", "--noheader", "--format=%A"], env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.split()


def clear(environment: dict[str, str]) -> None:
    """Leave the lab as the next row wants it, as far as that can be done: nothing in the queue."""
    end = time.monotonic() + EMPTY_SECONDS
    with contextlib.suppress(subprocess.SubprocessError):
        while (jobs := queue(environment)) and time.monotonic() < end:
            cancel = ["scancel", "--quiet", *dict.fromkeys(jobs)]
            subprocess.run(cancel, env=environment, check=False, timeout=60, capture_output=True)
            time.sleep(0.2)


def clean_environment() -> dict[str, str]:
    """Nothing of another SLURM, and no settings that the table does not tell."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return kept


@contextlib.contextmanager
def slurm() -> Iterator[tuple[dict[str, str], str]]:
    """The environment that sees a SLURM of this script's own, and why there is none; the SLURM ends with the block."""
    environment = clean_environment()
    folder = Path(tempfile.mkdtemp(prefix="quadrat-lab-")).resolve()
    try:
        why = _start_lab(folder)
        if not why:
            environment["SLURM_CONF"] = str(folder / "slurm.conf")
            environment["PATH"] = os.pathsep.join([str(folder / "bin"), environment["PATH"]])
        yield environment, why
    finally:
        _lab("stop", folder)
        shutil.rmtree(folder, ignore_errors=True)


def _start_lab(folder: Path) -> str:
    """Start a SLURM on ports that are free; why there is none."""
    why = ""
    for port in PORTS:
        done = _lab("start", folder, "--port", str(port))
        if not done.returncode:
            return ""
        why = done.stderr.strip().removeprefix("slurm_lab: ")
        if IN_USE not in why:
            break
    return why or "the lab did not start"


def _lab(verb: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LAB), verb, "--dir", str(folder), *options]
    return subprocess.run(
        command,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,
    )


def missing(*modules: str) -> str:
    """Why a row cannot be measured here, or ""."""
    lacks = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(lacks)} (pip install -c constraints.txt -e '.[bench]')" if lacks else ""


def machine(environment: dict[str, str]) -> list[str]:
    """Date, hardware, versions."""
    cores = f"{os.cpu_count()} cores ({_processor()}), {_memory()}"
    load = f"load average {os.getloadavg()[0]:.1f} before"
    versions = [f"{name} {found}" for name in PACKAGES if (found := _version(name))]
    if "SLURM_CONF" in environment:
        ask = ["sbatch", "--version"]
        said = subprocess.run(ask, env=environment, capture_output=True, text=True, check=False, timeout=30).stdout
        versions.append(said.strip().replace("slurm-wlm", "SLURM"))
    return [
        f"{time.strftime('%Y-%m-%d')}, {cores}, Python {platform.python_version()}, {load}",
        ", ".join(versions),
    ]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return f"{platform.machine()}, {line.partition(':')[2].strip()}"
    return platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"

"""What a machine is, as one process on it sees it: what `quadrat doctor` compares between here and a node.

On the node it is run as `python -m quadrat.execution.slurm.probe FOLDER`; it imports little, so that what is missing
there does not keep it from telling.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import secrets
import shutil
import socket
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from quadrat.execution.devices import visible_devices
from quadrat.execution.slurm import site

TOKEN, REPORT = "token", "report.json"


def facts() -> dict[str, Any]:
    """What this machine is, and the Python that this process is."""
    package = Path(__file__).parents[2]
    return {
        "host": socket.gethostname(),
        "user": os.getuid(),
        "python": sys.executable,
        "version": platform.python_version(),
        "platform": platform.platform(),
        "quadrat": {"version": sys.modules["quadrat"].__version__, "path": str(package), "digest": digest(package)},
        "packages": packages(),
        "cpus": usable_cpus(),
        "all_cpus": os.cpu_count() or 1,
        "memory": memory(),
        "devices": list(visible_devices().names),
        "device_kinds": device_kinds(),
        "scratch": scratch(),
    }


def digest(package: Path) -> str:
    """A hash of the package's own code: two installations of one version may differ."""
    found = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        found.update(f"{file.relative_to(package)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:16]


def packages() -> dict[str, str]:
    """The installed packages and their versions."""
    found: dict[str, str] = {}
    for one in metadata.distributions():
        with contextlib.suppress(KeyError, TypeError):  # what a broken installation left behind has no name
            found.setdefault(one.metadata["Name"], one.version)
    return dict(sorted((name, version) for name, version in found.items() if name))


def usable_cpus() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int:
    """Bytes of memory that the machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def device_kinds() -> list[str]:
    """What NVIDIA's driver calls the GPUs of the machine, those of others too."""
    kinds = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        with contextlib.suppress(OSError):
            lines = file.read_text(errors="replace").splitlines()
            kinds += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return kinds


def scratch() -> dict[str, Any]:
    """The folder for temporary files: where it is, whether it can be written, and bytes that are free."""
    path = tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x")
        return {"path": path, "writable": True, "free": shutil.disk_usage(path).free}
    except OSError as error:
        return {"path": path, "writable": False, "free": 0, "error": str(error)}


def clock_ahead(folder: Path) -> float:
    """By how many seconds this machine's clock is ahead of the one that stamps the folder's files."""
    probe = folder / f".clock-{secrets.token_hex(4)}"
    before = time.time()
    probe.touch()
    after = time.time()
    stamped = probe.stat().st_mtime
    probe.unlink()
    # The stamp was made somewhere in between; a file system that rounds down stamps a little before.
    return 0.0 if before - 0.05 <= stamped <= after else (before + after) / 2 - stamped


def report(folder: Path) -> dict[str, Any]:
    """What the node tells: its facts, what it reads in the folder, and the job that it is in."""
    told = facts()
    told["token"] = (folder / TOKEN).read_text()
    told["clock_ahead"] = clock_ahead(folder)
    linked = folder / "linked-there"
    try:
        os.link(folder / TOKEN, linked)
        told["links"] = True
    except OSError as error:
        told["links"] = str(error)
    job = site.inside()
    if job is not None:
        told["job"] = {
            "id": job.job,
            "node": job.node,
            "cpus": job.cpus,
            "memory": job.memory,
            "partition": job.partition,
            "left": None if job.end is None else job.end - time.time(),
        }
    told["at"] = time.time()
    return told


def main() -> None:
    """Write the report of this node into the folder that the command line names."""
    folder = Path(sys.argv[1])
    partial = folder / f".{REPORT}"
    partial.write_text(json.dumps(report(folder)))
    partial.rename(folder / REPORT)


if __name__ == "__main__":
    main()

"""What a run ran in: packages, machine, and the state of the study's repository."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from quadrat.core.identity import digest
from quadrat.execution.devices import named_devices
from quadrat.store.store import Store


def environment() -> dict[str, Any]:
    """Python, platform and the installed packages, with their versions."""
    from importlib.metadata import distributions

    packages = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"]}
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "packages": dict(sorted(packages.items(), key=lambda one: one[0].lower())),
    }


def kept_environment(store: Store) -> str:
    """The name by which the store keeps the environment of this process.

    To ask a hundred packages for their versions takes longer than to make a small run in a process of its own. So it is
    noted which environment the packages' folders stood for when they were last looked at.
    """
    folders = [
        (path, os.stat(path).st_mtime_ns) for path in sys.path if path.endswith("-packages") and os.path.isdir(path)
    ]
    seen = repr((sys.executable, sys.version, tuple(os.uname()), os.cpu_count(), folders))
    note = store.layout.environments / f"{digest(seen.encode()).hex()[:16]}.seen"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        name = note.read_text(encoding="ascii")
        if store.environment(name):
            return name
    name = store.keep_environment(environment())
    partial = note.with_name(f".{note.name}.{os.getpid()}")
    partial.write_text(name, encoding="ascii")
    os.replace(partial, note)
    return name


@lru_cache(maxsize=1)
def processor() -> str:
    """What the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def devices(gpus: float) -> list[str]:
    """What a run computes on: the processor, and the accelerators that a task which asks for some may see.

    Nothing is opened to find out: their kind is told where torch has them open.
    """
    if not gpus:
        return [processor()]
    seen = named_devices(os.environ)
    names = [f"gpu {name}" if name.isdecimal() else name for name in seen.names] if seen else []
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return [processor(), *names]
    kinds = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    if len(names) == len(kinds):
        kinds = [f"{kind}, {name}" for kind, name in zip(kinds, names, strict=True)]
    return [processor(), *kinds]


def host() -> str:
    """What this machine is called: by SLURM where it is a node of it, else by itself."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def git_state(file: Path | None) -> dict[str, Any]:
    """The commit of the repository that a file lies in, and whether it has uncommitted changes; empty outside one."""
    if file is None:
        return {}
    commit = _git(file.parent, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {"commit": commit, "dirty": bool(_git(file.parent, "status", "--porcelain", "--untracked-files=no"))}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

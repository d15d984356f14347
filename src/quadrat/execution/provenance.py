"""What a run ran in: packages, machine, and the state of the study's repository."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any


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
    """What a run computes on: the processor, and the accelerators that a task which asks for some may see."""
    torch = sys.modules.get("torch")
    if not gpus or torch is None or not torch.cuda.is_available():
        return [processor()]
    return [processor(), *(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))]


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

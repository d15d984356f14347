"""A folder in which a user of dynvision works, with a small configuration, and commands in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from snakefiles.warm import warm

SMALL = """
data_name: digits
model_name: DyRCNNx2
seed: "0001"
model_args: { rctype: [full, none], tsteps: 6 }
epochs: 2
train_limit: 120
test_limit: 20
experiment_config:
  duration: { data_args: { dsteps: 6, stim: [1, 3], idle: 2 } }
  contrast: { data_args: { dsteps: 6, stim: 3, contrast: [0.2, 1.0], idle: 2 } }
  adaption: { data_args: { dsteps: 6, stim: [2, 4], idle: 2 } }
"""
"""The layer of a user: everything smaller, so that a sweep takes seconds."""


class Project:
    """A folder with configs/config_workflow.yaml.

    Args:
        folder: where.
        config: the text of that file.
    """

    def __init__(self, folder: Path, config: str = SMALL) -> None:
        self.folder = folder
        (folder / "configs").mkdir(parents=True, exist_ok=True)
        (folder / "configs" / "config_workflow.yaml").write_text(config, encoding="utf-8")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "XDG_CACHE_HOME": str(folder / "cache")}
        self.environment.pop("QUADRAT_STORE", None)

    def call(self, command: str, *arguments: str, code: int = 0) -> str:
        """Call `quadrat` or `snakemake`, in a process that has imported most of it; returns what it says."""
        found, said = warm().call(command, arguments, self.folder, self.environment)
        assert found == code, said
        return said

    def shell(self, line: str, code: int = 0) -> str:
        """Call a line of a shell."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `quadrat` in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "quadrat", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def files(self, pattern: str) -> list[str]:
        """The files that a pattern fits, from the folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.glob(pattern))

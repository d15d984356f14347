"""A user's folder with an experiment file, the commands on it, and the examples of the page on sweeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from once import once
from snakefiles.warm import warm

EXAMPLES = Path(__file__).parent / "examples"
FOREIGN = ("QUADRAT_", "SLURM_", "SBATCH_", "JAX_", "XLA_")

_OVERRIDES = "model: { in_dim: 4, widths: [2], skip_connections: false }, data: { n_data: 50 }"
SMALL = f"""\
store_root: "runs"
jax_enable_x64: true

targets:
  - {{ model: small, data: small, teacher: _null, seed: 42, overrides: {{ {_OVERRIDES} }} }}
  - {{ model: base,  data: base,  teacher: _null, seed: 43, overrides: {{ {_OVERRIDES} }} }}
  - {{ model: wide,  data: large, teacher: _null, seed: 44, overrides: {{ {_OVERRIDES} }} }}

samplers:
  - {{ name: hmc, overrides: {{ draws: 60, warmup: 40, num_integration_steps: 2, chains: 2 }} }}
  - {{ name: sgld, overrides: {{ step_size: 1e-6, steps: 200, warmup: 20, eval_every: 10, batch_size: 16 }} }}
"""
"""The first example made small by overrides, with two of its samplers."""


def example(name: str) -> str:
    """An example as it stands."""
    return (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")


def complete(text: str) -> str:
    """An example that has targets or samplers alone, with the others of the first."""
    head, targets, samplers = (f"{block.rstrip()}\n" for block in example("sweep").split("\n\n"))
    if "targets:" not in text:
        return f"{head}\n{targets}\n{text}"
    return text if "samplers:" in text else f"{text}\n{samplers}"


class Folder:
    """A working folder as a user has it.

    Args:
        path: where; made if it is not there.
        experiments: what config/experiments.yaml is to say, if it is to be written.
    """

    def __init__(self, path: Path, experiments: str | None = None) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        if experiments is not None:
            self.write(experiments)

    def write(self, text: str, name: str = "experiments") -> None:
        """Write a file in config/."""
        file = self.path / "config" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def copy(self, to: Path) -> Folder:
        """A copy in which links are links."""
        subprocess.run(["cp", "-a", f"{self.path}/.", str(to)], check=True)
        return Folder(to)

    @property
    def environment(self) -> dict[str, str]:
        """Of the commands: nothing that the caller's shell has set for them."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return {**kept, "PATH": path, "COLUMNS": "200"}

    def quadrat(self, *arguments: str, code: int = 0) -> str:
        """`quadrat …`, which is to end with a code; returns what it said."""
        return self._call("quadrat", arguments, code)

    def snakemake(self, *arguments: str, code: int = 0) -> str:
        """`snakemake …`, which is to end with a code; returns what it said."""
        return self._call("snakemake", arguments, code)

    def _call(self, command: str, arguments: tuple[str, ...], code: int) -> str:
        found, said = warm().call(command, arguments, self.path, self.environment)
        assert found == code, f"{found}\n{said}"
        return said

    def command(self, *command: str) -> str:
        """Another command; returns its standard output."""
        done = subprocess.run(
            command, cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def counts(self, key: str, verb: str = "plan") -> dict[str, int]:
        """How many runs of each task there are, are to_run, or are finished."""
        told = json.loads(self.quadrat(verb, "lambda_hat", "--json"))
        return {one["task"]: one[key] for one in told["tasks"]}

    def items(self, task: str) -> list[dict[str, Any]]:
        """The runs of a task, as `quadrat plan --list --json` tells them."""
        return self.listed()[task]

    def listed(self) -> dict[str, list[dict[str, Any]]]:
        """The runs of each task."""
        told = json.loads(self.quadrat("plan", "lambda_hat", "--list", "--json"))
        found: dict[str, list[dict[str, Any]]] = {one["task"]: [] for one in told["tasks"]}
        for item in told["items"]:
            found[item["task"]].append(item)
        return found

    def names(self) -> list[str]:
        """What is in the folder."""
        return sorted(one.name for one in self.path.iterdir())


def finished(factory: pytest.TempPathFactory) -> Folder:
    """The small example, finished by `quadrat run`, once for all tests: to look at, and to copy."""
    return Folder(once(factory, "lambda_hat", lambda place: Folder(place, SMALL).quadrat("run", "lambda_hat")))

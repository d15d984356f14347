"""Calls of `snakemake`, `quadrat` and `python -m`, in processes forked from one that has imported much.

It is their own `main` that is called, with its own arguments, folder, environment and streams.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

HEAVY = ("torch", "lightning.pytorch", "zuko", "xarray", "zarr", "hydra")
"""What modules that are called with `python -m` import, where they take long."""


class Warm:
    """The process that calls are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self._process.kill)

    def call(
        self, command: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> tuple[int, str]:
        """Call `snakemake`, `quadrat` or `python -m …`; returns the exit code, and what it said."""
        with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as said:
            asked = [command, list(arguments), str(folder), dict(environment), said.name]
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{json.dumps(asked)}\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return code, said.read()


@functools.cache
def warm() -> Warm:
    """The one of this process."""
    return Warm()


def serve() -> None:
    """Take calls, one a line."""
    import snakemake.api
    import snakemake.cli

    importlib.import_module("quadrat.snakefiles.planning")
    from quadrat.cli.main import main as quadrat_main

    for line in sys.stdin:
        command, arguments, folder, environment, said = json.loads(line)
        if command == "python":
            for name in HEAVY:
                importlib.import_module(name)
        pid = os.fork()
        if pid == 0:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            stream = os.open(said, os.O_WRONLY)
            os.dup2(stream, 1)
            os.dup2(stream, 2)
            sys.argv = [command, *arguments]
            if command == "python":
                _, module, *sys.argv[1:] = arguments
                run(functools.partial(runpy.run_module, module, run_name="__main__", alter_sys=True))
            run(quadrat_main if command == "quadrat" else snakemake.cli.main)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


def run(main) -> None:
    """Be a process that calls a `main`, and end."""
    code = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()

"""What the engine itself costs: planning, status, and runs with trivial bodies. Prints a table; takes two minutes.

    python benchmarks/bench_engine.py [--out FILE]

Each line is a whole process, started fresh: interpreter, imports and all. The column "x bare" sets it against a bare
loop in one process on the same disk that makes a folder, writes a `run.json` of the same size and renames it, once for
each run: less than that is not to be had from any system that commits each run by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = str(Path(__file__).with_name("scale_study.py"))
BARE_RUNS = 10_000


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="quadrat-bench-"))
    try:
        lines = table(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def table(folder: Path) -> list[str]:
    """The table, line by line."""
    bare = bare_commit(folder / "bare")
    big, small = str(folder / "big"), str(folder / "small")
    hundred_thousand = ["targets=1000", "samplers=99"]
    lines = [
        machine(),
        f"bare loop: {bare * 1e6:.0f} us a run",
        "",
        f"{'command':<58} {'seconds':>8} {'ms/run':>8} {'x bare':>7} {'MB':>6}",
    ]

    def add(name: str, runs: int, *arguments: str) -> None:
        seconds, memory = quadrat(*arguments)
        each = seconds / runs if runs else 0.0
        ratio = f"{each / bare:>7.2f}" if runs else " " * 7
        shown = f"{each * 1e3:>8.3f}" if runs else " " * 8
        lines.append(f"{name:<58} {seconds:>8.2f} {shown} {ratio} {memory:>6.0f}")
        print(lines[-1], file=sys.stderr, flush=True)

    add("--help", 0, "--help")
    add("plan, 100,000 runs", 100_000, "plan", STUDY, *hundred_thousand, "--json", "--store", big)
    add("plan, 1,000,000 runs", 1_000_000, "plan", STUDY, "targets=10000", "samplers=99", "--json", "--store", big)
    add("run, 10,000 runs", 10_000, "run", STUDY, "targets=100", "samplers=99", "--store", small)
    add("run again, 10,000 runs finished", 10_000, "run", STUDY, "targets=100", "samplers=99", "--store", small)
    add("run, 100,000 runs", 100_000, "run", STUDY, *hundred_thousand, "--store", big)
    add("status, 100,000 runs finished", 100_000, "status", STUDY, *hundred_thousand, "--store", big)
    shutil.rmtree(Path(big) / ".quadrat" / "index")
    add("status, index deleted", 100_000, "status", STUDY, *hundred_thousand, "--store", big)
    add(
        "results as csv, 99,000 rows",
        99_000,
        "results",
        STUDY,
        "sample",
        *hundred_thousand,
        "--format",
        "csv",
        "--store",
        big,
    )
    return lines


def machine() -> str:
    """Date, cores and Python."""
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    return f"{time.strftime('%Y-%m-%d')}, {cores}, Python {platform.python_version()}"


def quadrat(*arguments: str) -> tuple[float, float]:
    """Seconds and megabytes of one command."""
    before = time.perf_counter()
    command = [sys.executable, "-m", "quadrat", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    if status:
        errors = process.stderr.read().decode() if process.stderr else ""
        raise SystemExit(f"{' '.join(command)} failed:\n{errors}")
    return seconds, usage.ru_maxrss / (1e3 if sys.platform == "linux" else 1e6)


def bare_commit(folder: Path) -> float:
    """Seconds a run of the least that a commit can be."""
    folder.mkdir()
    data = json.dumps({"metrics": {"estimate": 1.0}, "rest": "x" * 600}).encode()
    before = time.perf_counter()
    for number in range(BARE_RUNS):
        staging = f"{folder}/.{number}"
        os.mkdir(staging)
        with open(f"{staging}/run.json", "wb", buffering=0) as file:
            file.write(data)
        os.rename(staging, f"{folder}/{number}")
    return (time.perf_counter() - before) / BARE_RUNS


if __name__ == "__main__":
    main()

"""The whole sweep of mnist_fgsm on MNIST against the same runs one by one, each in a process of its own.

    QUADRAT_DATA=… python benchmarks/bench_mnist.py [--out FILE]

One by one is how the glued systems run them: every run starts Python, imports torch and opens the data again. The sweep
is 18 trainings (9 of one epoch, 9 of five), 18 attacks and 6 averages; one by one is measured on a run of each kind.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = [sys.executable, "-m", "quadrat", "run", "mnist_fgsm", "dataset=mnist"]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    if not os.environ.get("QUADRAT_DATA"):
        print("bench_mnist: left out, since QUADRAT_DATA does not say where MNIST's files are")
        return
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
    whole = seconds(*RUN, "--store", str(folder / "whole"))
    again = seconds(*RUN, "--store", str(folder / "whole"))
    alone = str(folder / "alone")
    seconds(*RUN, "--store", alone, "--to", "data")
    point = ["dropout_prob=0", "--store", alone, "-j", "1"]
    short = seconds(*RUN, "num_epochs=1", "seed=1", "--to", "train", *point)
    # Another seed, so that five epochs are trained from scratch as a process of its own would.
    long = seconds(*RUN, "num_epochs=5", "seed=2", "--to", "train", *point)
    attack = seconds(*RUN, "num_epochs=1", "seed=1", "--only", "attack", *point)
    one_by_one = 9 * short + 9 * long + 18 * attack
    return [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({platform.machine()})",
        f"{'whole sweep, 44 runs':<46} {whole:>7.1f} s",
        f"{'the same again, nothing to run':<46} {again:>7.1f} s",
        f"{'one process each: training of 1 epoch':<46} {short:>7.1f} s",
        f"{'one process each: training of 5 epochs':<46} {long:>7.1f} s",
        f"{'one process each: attack':<46} {attack:>7.1f} s",
        f"{'one by one: 9 + 9 trainings, 18 attacks':<46} {one_by_one:>7.1f} s",
        f"{'ratio, one by one to whole sweep':<46} {one_by_one / whole:>7.1f}",
    ]


def seconds(*command: str) -> float:
    """How long a command takes; it must work."""
    before = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return time.perf_counter() - before


if __name__ == "__main__":
    main()

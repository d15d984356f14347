"""What one trivial run costs on each engine, beside what the same costs with other tools. Takes some minutes.

    python benchmarks/bench_cluster.py [--quick] [--only NAME] [--out FILE]

A SLURM of its own runs the rows that need one (tools/slurm_lab.py: three nodes on this machine, no accounting). The
peers come with `pip install -c constraints.txt -e '.[bench]'`; a row that cannot be measured says why.

Every row is measured alike: in a new folder, whole commands, interpreters and imports and waiting included, except
where it says otherwise; then what it has made is counted. Quadrat and Snakemake make the sweep of scale_study.py,
where 99 runs read each hundredth; the other peers do its sums in runs that need not wait for one another
(benchmarks/peers). The more a run costs, the fewer of them a row makes: `runs` says how many.
"""

from __future__ import annotations

import argparse
import math
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from measuring import (
    PEERS,
    STUDY,
    Bench,
    NotMeasuredError,
    clear,
    counted,
    machine,
    missing,
    records,
    slurm,
    span,
)

ROW_SECONDS = 200.0
CORES = "2"  # for all that run on this machine without SLURM
SUBMIT_SECONDS, PILOT_MS = 25.0, 3.0  # what issue 3 asks for
# As in the profile that `quadrat snakefile` writes, so that both Snakemakes wait alike.
ON_SLURM = [
    *("--executor", "slurm", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "5"),
    *("--latency-wait", "30", "--default-resources", "mem_mb=1500", "runtime=60", "-j100"),
]
# The shipped profile in the size of this machine: two pilots that are asked for at once, a core for two workers each.
SITE = {"init_blocks: 1": "init_blocks: 2", "max_blocks: 4": "max_blocks: 2", "\nworkers: 4": "\nworkers: 2"}


@dataclass(frozen=True)
class Line:
    """A line of the table; `seconds` is None where there are none, and `why` says so: left out, or failed."""

    name: str
    runs: int = 0
    seconds: float | None = None
    why: str = ""
    failed: bool = False

    @property
    def each(self) -> float:
        """Milliseconds a run."""
        return math.nan if self.seconds is None else self.seconds / self.runs * 1e3


@dataclass(frozen=True)
class Row:
    """What is measured together: one line, or several of the same commands.

    Attributes:
        key: its name for --only.
        title: what the table says where it was not measured.
        measure: yields its lines.
        modules: what must be installed for it.
        on_slurm: whether it needs a SLURM.
    """

    key: str
    title: str
    measure: Callable[[Bench], Iterator[Line]]
    modules: tuple[str, ...] = ()
    on_slurm: bool = False


# --- Quadrat ---------------------------------------------------------------------------------------------------------


def sweep(runs: int) -> list[str]:
    """The study, and the settings that give so many runs."""
    return [str(STUDY), *sizes(runs)]


def sizes(runs: int) -> list[str]:
    """One target for each hundred runs, and 99 samplers on each; of fewer than a hundred, the first alone."""
    targets = max(1, runs // 100)
    return [f"targets={targets}", f"samplers={runs // targets - 1}"]


def finished(bench: Bench, runs: int, store: str = "runs") -> list[tuple[float, float]]:
    """The records of a store, which are so many."""
    found = records(bench.folder / store)
    counted(len(found), runs)
    return found


def pool(bench: Bench) -> Iterator[Line]:
    for runs in (1_000, 100) if bench.is_quick else (10_000, 100):
        store = f"runs-{runs}"
        seconds = bench.quadrat("run", *sweep(runs), f"-j{CORES}", "--store", store)
        finished(bench, runs, store)
        yield Line(f"quadrat run -j{CORES}" + (", a small sweep" if runs == 100 else ""), runs, seconds)


def submit(bench: Bench) -> Iterator[Line]:
    runs, bundle = (1_000, 100) if bench.is_quick else (10_000, 1_000)
    before = bench.quadrat("submit", *sweep(runs), "--bundle", str(bundle), "--store", "runs")
    after = bench.quadrat("wait", "--store", "runs")
    finished(bench, runs)
    yield Line(f"quadrat submit --bundle {bundle}, then quadrat wait", runs, before + after)
    yield Line(AFTER_SUBMIT, runs, after)


AFTER_SUBMIT = "  of which after submit had returned"
AFTER_START = "  of which after the first run had begun"


def pilots(name: str, *options: str) -> Callable[[Bench], Iterator[Line]]:
    """A sweep on pilots: as a whole, and by the records from the first run on."""

    def measure(bench: Bench) -> Iterator[Line]:
        runs = 500 if bench.is_quick else 2_000
        (bench.folder / "site.yaml").write_text(site(), encoding="utf-8")
        seconds = bench.quadrat("run", *sweep(runs), "--on", "parsl", *options, "--store", "runs")
        found = finished(bench, runs)
        yield Line(name, runs, seconds)
        yield Line(AFTER_START, runs, span(found))

    return measure


def site() -> str:
    """The profile for this machine."""
    from quadrat import profiles

    text = Path(profiles.__file__).with_name("slurm.yaml").read_text(encoding="utf-8")
    for shipped, here in SITE.items():
        if shipped not in text:
            raise NotMeasuredError(f"the shipped profile has no line '{shipped.strip()}'")
        text = text.replace(shipped, here, 1)
    return text


def snakefile(name: str, runs: int, few: int, *options: str, chunk: int = 0) -> Callable[[Bench], Iterator[Line]]:
    """A sweep by way of a Snakefile of Quadrat's, which is written first."""

    def measure(bench: Bench) -> Iterator[Line]:
        here = few if bench.is_quick else runs
        size = ["--chunk", str(chunk)] if chunk else []
        seconds = bench.quadrat("snakefile", *sweep(here), "-o", ".", *size)
        seconds += bench.snakemake(*options)
        finished(bench, here)
        yield Line(name, here, seconds)

    return measure


def on_snakemake(bench: Bench) -> Iterator[Line]:
    runs = 10 if bench.is_quick else 100
    seconds = bench.quadrat("run", *sweep(runs), "--on", "snakemake", f"-j{CORES}", "--store", "runs")
    finished(bench, runs)
    yield Line(f"quadrat run --on snakemake -j{CORES}", runs, seconds)


# --- peers -----------------------------------------------------------------------------------------------------------


def files(bench: Bench, runs: int) -> None:
    """Each run of a peer has made its file."""
    counted(sum(1 for _ in (bench.folder / "made").rglob("*[0-9]*")), runs)


def plain(name: str, runs: int, few: int, *options: str, **config: int) -> Callable[[Bench], Iterator[Line]]:
    """A Snakefile that was written by hand."""

    def measure(bench: Bench) -> Iterator[Line]:
        here = few if bench.is_quick else runs
        told = [*sizes(here), *(f"{key}={value}" for key, value in config.items())]
        seconds = bench.snakemake("-s", PEERS / "Snakefile", "-d", ".", *options, "--config", *told)
        files(bench, here)
        yield Line(name, here, seconds)

    return measure


def array(bench: Bench) -> Iterator[Line]:
    runs = 20 if bench.is_quick else 500
    (bench.folder / "made").mkdir()
    work = f'exec "{sys.executable}" "{PEERS / "work.py"}" 0 $SLURM_ARRAY_TASK_ID made/$SLURM_ARRAY_TASK_ID'
    (bench.folder / "array.sh").write_text(f"#!/bin/sh\n{work}\n", encoding="utf-8")
    seconds = bench.timed("sbatch", f"--array=0-{runs - 1}", "--output=/dev/null", "array.sh")
    seconds += bench.until_queue_is_empty()
    files(bench, runs)
    yield Line("sbatch --array, a Python script", runs, seconds)


def submitit(bench: Bench) -> Iterator[Line]:
    runs = 10 if bench.is_quick else 100
    bench.environment["PYTHONPATH"] = str(PEERS)  # what a node unpickles
    seconds = bench.python(PEERS / "submitit_map.py", str(runs))
    said = (bench.folder / f"command-{bench.count}.log").read_text(encoding="utf-8", errors="replace").splitlines()
    counted(int(said[-1]), runs)
    yield Line("submitit, map_array", runs, seconds)


def flow_run(bench: Bench) -> Iterator[Line]:
    runs = 100 if bench.is_quick else 1_000
    seconds = bench.python(PEERS / "flow_project.py", "init", str(runs))
    seconds += bench.python(PEERS / "flow_project.py", "run")
    documents(bench, runs)
    yield Line("signac-flow, init and run", runs, seconds)


def flow_submit(bench: Bench) -> Iterator[Line]:
    runs, bundle = (10, 5) if bench.is_quick else (100, 25)
    seconds = bench.python(PEERS / "flow_project.py", "init", str(runs))
    seconds += bench.python(PEERS / "flow_project.py", "submit", "--bundle", str(bundle))
    seconds += bench.until_queue_is_empty()
    documents(bench, runs)
    yield Line(f"signac-flow, init and submit --bundle {bundle}", runs, seconds)


def documents(bench: Bench, runs: int) -> None:
    """Each job of signac's has its number."""
    found = (bench.folder / "workspace").glob("*/signac_job_document.json")
    counted(sum('"estimate"' in file.read_text(encoding="utf-8") for file in found), runs)


# --- the table -------------------------------------------------------------------------------------------------------

NOTES = [
    "Whole commands, started cold, until all runs have finished. The three nodes of the SLURM share these cores.",
    "A run that costs much is made a few times only, where starting up weighs more: see `runs`.",
]
QUICK_NOTES = ["--quick: so few runs that starting up weighs most. Not to be compared."]
SNAKEMAKE = ("snakemake",)
PLUGIN = ("snakemake", "snakemake_executor_plugin_slurm")
ON_PROFILE = ("--profile", "profiles/slurm")
ROWS = {
    "quadrat": [
        Row("pool", f"quadrat run -j{CORES}", pool),
        Row("submit", "quadrat submit", submit, on_slurm=True),
        Row(
            "parsl-local",
            "quadrat run --on parsl",
            pilots(f"quadrat run --on parsl -j{CORES}", f"-j{CORES}"),
            ("parsl",),
        ),
        Row(
            "parsl-slurm",
            "quadrat run --on parsl, SLURM",
            pilots("quadrat run --on parsl, slurm.yaml with 2 × 2 workers", "--profile", "site.yaml"),
            ("parsl",),
            on_slurm=True,
        ),
        Row(
            "parsl-shipped",
            "quadrat run --on parsl --profile slurm",
            pilots("quadrat run --on parsl --profile slurm, up to 4 × 4", "--profile", "slurm"),
            ("parsl",),
            on_slurm=True,
        ),
        Row(
            "snakefile-local",
            "quadrat snakefile, snakemake",
            snakefile(f"quadrat snakefile, snakemake -j{CORES}", 100, 10, f"-j{CORES}"),
            SNAKEMAKE,
        ),
        Row(
            "snakefile-local-chunk",
            "quadrat snakefile --chunk, snakemake",
            snakefile(f"quadrat snakefile --chunk 1000, snakemake -j{CORES}", 10_000, 1_000, f"-j{CORES}", chunk=1_000),
            SNAKEMAKE,
        ),
        Row("on-snakemake", "quadrat run --on snakemake", on_snakemake, SNAKEMAKE),
        Row(
            "snakefile-slurm",
            "quadrat snakefile, snakemake on SLURM",
            snakefile("quadrat snakefile, snakemake --profile profiles/slurm", 6, 3, *ON_PROFILE),
            PLUGIN,
            on_slurm=True,
        ),
        Row(
            "snakefile-slurm-chunk",
            "quadrat snakefile --chunk, snakemake on SLURM",
            snakefile("quadrat snakefile --chunk 500, the same", 2_000, 500, *ON_PROFILE, chunk=500),
            PLUGIN,
            on_slurm=True,
        ),
    ],
    "peers": [
        Row(
            "snakemake",
            "Snakemake",
            plain(f"Snakemake -j{CORES}, a Python script", 500, 20, f"-j{CORES}"),
            SNAKEMAKE,
        ),
        Row(
            "snakemake-touch",
            "Snakemake, touch",
            plain(f"Snakemake -j{CORES}, touch", 1_000, 50, f"-j{CORES}", touch=1),
            SNAKEMAKE,
        ),
        Row(
            "snakemake-slurm",
            "Snakemake's SLURM plugin",
            plain("Snakemake's SLURM plugin, a Python script", 6, 3, *ON_SLURM),
            PLUGIN,
            on_slurm=True,
        ),
        Row("array", "sbatch --array", array, on_slurm=True),
        Row("submitit", "submitit, map_array", submitit, ("submitit",), on_slurm=True),
        Row("flow", "signac-flow, run", flow_run, ("flow",)),
        Row("flow-submit", "signac-flow, submit", flow_submit, ("flow",), on_slurm=True),
    ],
}


def main() -> None:
    """Measure, and print the table; exit code 1 where a row or a check below it fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs: to try it out, not to compare")
    keys = [row.key for rows in ROWS.values() for row in rows]
    parser.add_argument("--only", action="append", choices=keys, help="this row, and the pool; may be repeated")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminated)
    before = time.monotonic()
    lines, measured = table(given.only, is_quick=given.quick)
    told, holds = checks(measured)
    lines += ["", *told, f"measured in {time.monotonic() - before:.0f} s"]
    print("\n".join(lines))
    if given.out:
        command = ["$ python benchmarks/bench_cluster.py" + (" --quick" if given.quick else "")]
        given.out.write_text("\n".join([*command, *lines]) + "\n", encoding="utf-8")
    sys.exit(not holds or any(line.failed for found in measured.values() for line in found))


def _terminated(number: int, frame: FrameType | None) -> None:
    """A signal ends the lab too."""
    sys.exit(128 + number)


def table(only: list[str] | None, *, is_quick: bool) -> tuple[list[str], dict[str, list[Line]]]:
    """The table, line by line, and what each row has measured."""
    measured: dict[str, list[Line]] = {}
    base = math.nan
    with slurm() as (environment, no_slurm):
        lines = [*machine(environment), *NOTES, *(QUICK_NOTES if is_quick else [])]
        lines += ["", f"{'engine':<58} {'runs':>7} {'seconds':>8} {'ms/run':>9} {'x pool':>8}"]
        for section, rows in ROWS.items():
            wanted = [row for row in rows if not only or row.key in only or row.key == "pool"]
            lines += ["", section] if wanted else []
            for row in wanted:
                why = missing(*row.modules) or (no_slurm if row.on_slurm else "")
                found = [Line(row.title, why=why)] if why else one(row, environment, is_quick=is_quick)
                measured[row.key] = found
                base = found[0].each if row.key == "pool" else base
                shown = [show(line, base) for line in found]
                lines += shown
                print("\n".join(shown), file=sys.stderr, flush=True)
    return lines, measured


def one(row: Row, environment: dict[str, str], *, is_quick: bool) -> list[Line]:
    """Measure a row in a folder of its own; what was measured before something failed is kept."""
    folder = Path(tempfile.mkdtemp(prefix="quadrat-bench-")).resolve()
    found: list[Line] = []
    try:
        found += row.measure(Bench(folder, dict(environment), time.monotonic() + ROW_SECONDS, is_quick))
    except NotMeasuredError as error:
        print(f"{row.title}: {error}", file=sys.stderr, flush=True)
        found.append(Line(row.title, why=str(error).partition("\n")[0], failed=True))
    finally:
        if row.on_slurm:
            clear(environment)
        shutil.rmtree(folder, ignore_errors=True)
    return found


def show(line: Line, base: float) -> str:
    """A line as the table has it."""
    if line.seconds is None:
        return f"{line.name:<58} {'FAILED' if line.failed else 'left out'}: {line.why}"
    ratio = f"{line.each / base:>8.1f}" if line.each < 1_000 * base else f"{line.each / base:>8,.0f}"
    each = f"{line.each:>9.2f}" if line.each < 1_000 else f"{line.each:>9,.0f}"
    if math.isnan(base):
        ratio = f"{'-':>8}"
    return f"{line.name:<58} {line.runs:>7,} {line.seconds:>8.2f} {each} {ratio}"


def checks(measured: dict[str, list[Line]]) -> tuple[list[str], bool]:
    """What issue 3 asks for, and whether it holds as far as it was measured."""
    submitted = [line for line in measured.get("submit", []) if line.name == AFTER_SUBMIT and line.runs == 10_000]
    piloted = [line for line in measured.get("parsl-slurm", []) if line.name == AFTER_START and line.runs == 2_000]
    lines, holds = ["checks"], True
    for asked, found, value, limit, unit in (
        ("quadrat submit, 10,000 runs after submission", submitted, lambda line: line.seconds, SUBMIT_SECONDS, "s"),
        ("Parsl on SLURM, 2,000 runs after the first", piloted, lambda line: line.each, PILOT_MS, "ms each"),
    ):
        if not found:
            lines.append(f"{asked}: not measured")
            continue
        here = value(found[0])
        holds = holds and here <= limit
        said = "ok" if here <= limit else "TOO SLOW"
        lines.append(f"{asked}: {here:.1f} {unit}, {limit:g} at most: {said}")
    return lines, holds


if __name__ == "__main__":
    main()

"""What every executor must do: a suite of tests that each runs by subclassing.

    class TestPool(ExecutorConformance):
        executor = "pool"

Every test runs the real command in a process of its own, on a small study that this module writes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from quadrat.store.store import Store
from quadrat.store.upkeep import dead_leftovers, verify

STUDY = """
import os, random, signal, time
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import quadrat as qd

study = qd.Study("conformance")
SIDE = Path(os.environ.get("CONFORMANCE_SIDE", "/nonexistent"))


class Making(qd.Params):
    number: int = 0
    seed: int = 1
    mode: Literal["work", "raise", "kill", "exit", "hang", "print", "wait"] = "work"


class Made(qd.Result):
    own: float
    library: float
    array: float
    threads: int
    pid_free: str
    file: qd.File


class Used(qd.Result):
    total: float


class Mean(qd.Result):
    mean: float
    members: int


@study.task(cpus=2, timeout="20s")
def make(params: Making, run: qd.Run) -> Made:
    if SIDE.is_dir():
        (SIDE / f"began-{params.mode}-{params.number}-{params.seed}").touch()
    if params.mode == "raise":
        raise ValueError(f"told to fail at {params.number}")
    if params.mode == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if params.mode == "exit":
        os._exit(0)
    if params.mode == "print":
        for line in range(20_000):
            print(f"line {line}: a run that prints much, ε = {params.number}")
    while params.mode == "wait" and not (SIDE / "go").exists():
        time.sleep(0.01)
    file = run.file("drawn/numbers.txt")
    file.write_text(repr(np.random.default_rng(run.seed("numbers")).random(100).tolist()))
    return Made(
        own=random.Random(run.seed("own")).random(),
        library=random.random(),
        array=float(np.random.rand()),
        threads=int(os.environ["OMP_NUM_THREADS"]),
        pid_free="same",
        file=file,
    )


@study.task(timeout="1s")
def late(make: qd.Done[Making, Made]) -> Used:
    while make.params.mode == "hang":
        time.sleep(0.01)
    return Used(total=make.result.own)


@study.task
def use(make: qd.Done[Making, Made]) -> Used:
    return Used(total=make.result.own + make.result.array + len(make.result.file.read_text()))


@study.task
def mean(use: Annotated[qd.Many[qd.Params, Used], qd.over("seed")]) -> Mean:
    return Mean(mean=sum(one.result.total for one in use) / len(use), members=len(use))
"""

WAIT_SECONDS = 60.0


class ExecutorConformance:
    """Subclass it and say which executor to test.

    Attributes:
        executor: its name, as `--on` takes it.
        isolates: whether it runs tasks outside the main process, so that one may die.
        options: further options of `quadrat run`.
        names: of folders that it must cope with, each with one sweep in it.
    """

    executor = "pool"
    isolates = True
    options: Sequence[str] = ("-j", "2")
    names: Sequence[str] = (" two  words ", """it's "quoted" `so`""", "first\nsecond", "$HOME;&*[a-z]{x}%~")

    def is_draining(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether nothing more begins after an interrupt; one who does that a moment after the signal says so here."""
        return has_taken_signals(process)

    def test_gives_the_same_bits_as_inline(self, tmp_path: Path) -> None:
        """Metrics, artifacts, draws of the global generators and the number of threads are those of a plain loop."""
        sweep = Sweep(tmp_path, "number=0,1,2", "seed=1,2", "--to", "mean")
        assert sweep.run(self.executor, *self.options, store="here").returncode == 0
        assert sweep.run("inline", store="inline").returncode == 0
        assert sweep.metrics("here") == sweep.metrics("inline")
        assert len(sweep.metrics("here")) == 6 + 6 + 3
        assert {record.metrics["threads"] for record in sweep.records("here") if record.task == "make"} == {2}
        sweep.check("here")

    def test_a_failure_stops_only_what_needs_it(self, tmp_path: Path) -> None:
        """Everything that does not read the failed run is finished; the message has the user's frames only."""
        sweep = Sweep(tmp_path, "number=0,1", "seed=1,2", "mode=work,raise", "--to", "mean")
        done = sweep.run(self.executor, *self.options)
        assert done.returncode == 1, done.stderr
        assert len(sweep.metrics()) == 4 + 4 + 2
        assert "told to fail" in done.stdout + done.stderr
        assert "quadrat/execution" not in done.stdout + done.stderr  # the user's frames only
        sweep.check()

    def test_a_dead_worker_costs_only_its_run(self, tmp_path: Path) -> None:
        """SIGKILL, and an exit with code 0 that a pool may wait for for ever."""
        if not self.isolates:
            return
        sweep = Sweep(tmp_path, "number=range(6)", "mode=work,kill,exit", "--to", "use")
        done = sweep.run(self.executor, *self.options)
        assert done.returncode == 1, done.stderr
        assert len(sweep.metrics()) == 12
        assert len(sweep.failed()) == 12
        sweep.check()

    def test_a_run_that_takes_too_long_is_stopped(self, tmp_path: Path) -> None:
        """It fails as a time-out, the others go on."""
        if not self.isolates:
            return
        sweep = Sweep(tmp_path, "number=0,1", "mode=work,hang", "--to", "late")
        done = sweep.run(self.executor, *self.options)
        assert done.returncode == 1, done.stderr
        assert sorted(record.task for record in sweep.records()) == ["late"] * 2 + ["make"] * 4
        assert "1 s" in done.stdout + done.stderr
        sweep.check()

    def test_all_that_a_run_prints_is_kept(self, tmp_path: Path) -> None:
        """To the last line, and as its own."""
        sweep = Sweep(tmp_path, "number=3,4", "mode=print", "--to", "make")
        assert sweep.run(self.executor, *self.options).returncode == 0
        for record in sweep.records():
            log = Store(sweep.store).folder(record) / "log.txt"
            lines = log.read_text(encoding="utf-8").splitlines()
            number = record.params["number"]
            wanted = [f"line {line}: a run that prints much, ε = {number}" for line in range(20_000)]
            assert lines == wanted
            assert record.log.endswith(wanted[-1] + "\n")

    def test_any_path_will_do(self, tmp_path: Path) -> None:
        """Blanks, quotes, a newline, and what a shell or a pattern would take for its own."""
        for name in self.names:
            folder = tmp_path / name
            folder.mkdir()
            sweep = Sweep(folder, "number=0,1", "--to", "use")
            done = sweep.run(self.executor, *self.options)
            assert done.returncode == 0, done.stderr
            assert len(sweep.metrics()) == 4
            sweep.check()

    def test_an_interrupt_lets_what_runs_finish(self, tmp_path: Path) -> None:
        """Exit code 130, nothing half done; the same command goes on."""
        sweep = Sweep(tmp_path, "number=range(8)", "mode=wait", "--to", "make")
        process = sweep.start(self.executor, *self.options)
        wait_until(lambda: any(sweep.side.glob("began-*")))
        process.send_signal(signal.SIGINT)
        wait_until(lambda: self.is_draining(process))
        (sweep.side / "go").touch()
        assert process.wait(WAIT_SECONDS) == 130
        done = len(sweep.metrics())
        assert 1 <= done < 8
        sweep.check()
        assert sweep.run(self.executor, *self.options).returncode == 0
        assert len(sweep.metrics()) == 8

    def test_what_one_executor_began_another_finishes(self, tmp_path: Path) -> None:
        """A store does not care who ran what."""
        first = Sweep(tmp_path, "number=0,1", "seed=1,2", "--to", "make")
        assert first.run("inline").returncode == 0
        rest = Sweep(tmp_path, "number=0,1", "seed=1,2", "--to", "mean")
        done = rest.run(self.executor, *self.options)
        assert done.returncode == 0, done.stderr
        assert rest.run("inline", store="whole").returncode == 0
        assert rest.metrics() == rest.metrics("whole")
        assert all(record.attempt == 1 for record in rest.records())


class Sweep:
    """A sweep of the suite's study in a folder.

    Args:
        folder: where the study and its stores go.
        arguments: what follows `quadrat run STUDY`.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.study = folder / "conformance.py"
        self.study.write_text(STUDY, encoding="utf-8")
        self.side = folder / "side"
        self.side.mkdir(exist_ok=True)
        self.store = folder / "runs"
        self._arguments = arguments

    def command(self, executor: str, *options: str, store: str = "runs") -> list[str]:
        """The command line of `quadrat run`."""
        run = [sys.executable, "-c", "from quadrat.cli import main; main()", "run", str(self.study), *self._arguments]
        return [*run, "--on", executor, *options, "--store", str(self.folder / store)]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the command."""
        return {**os.environ, "CONFORMANCE_SIDE": str(self.side), "COLUMNS": "200"}

    def run(self, executor: str, *options: str, store: str = "runs") -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        command = self.command(executor, *options, store=store)
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=4 * WAIT_SECONDS, check=False
        )

    def start(self, executor: str, *options: str) -> subprocess.Popen[bytes]:
        """Start it in a process group of its own."""
        return subprocess.Popen(
            self.command(executor, *options),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def records(self, store: str = "runs") -> list[Any]:
        """The records of all finished runs."""
        return list(Store(self.folder / store).records())

    def metrics(self, store: str = "runs") -> dict[str, str]:
        """For each finished run all its metrics, to the last bit, and the checksums of its artifacts."""
        return {
            record.id: json.dumps([record.metrics, {name: one.sha256 for name, one in record.artifacts.items()}])
            for record in self.records(store)
        }

    def failed(self, store: str = "runs") -> list[str]:
        """The ids of the runs that failed."""
        return [path.stem for path in Store(self.folder / store).layout.failures.glob("*.json")]

    def check(self, store: str = "runs") -> None:
        """Nothing is broken, and nothing left behind."""
        check_store(self.folder / store)


def check_store(folder: Path) -> None:
    """Every run of a store is whole, and no process that is gone has left anything in it.

    Raises:
        AssertionError: with what is wrong.
    """
    layout = Store(folder).layout
    problems = [problem for _, problem in verify(layout) if problem is not None]
    assert not problems, problems
    left = [(one.kind, str(one.path)) for one in dead_leftovers(layout)]
    assert not left, left
    assert [path.name for path in layout.claims.iterdir()] == []
    assert [path.name for path in layout.leases.iterdir()] == ["dead"]


def wait_until(condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Look again and again until something holds.

    Raises:
        TimeoutError: where it does not in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("what was waited for did not happen")
        time.sleep(0.01)


def has_taken_signals(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has taken its pending signals: Linux tells; elsewhere it is taken for granted."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    except OSError:
        return True
    pending = (line.split()[1] for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd")))
    return all(int(mask, 16) == 0 for mask in pending)

"""What the tests of the Snakefile share: a small study with names as people write them, and snakemake on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from e2e.harness import Place
from snakefiles.warm import warm

BODY = '''
class Training(qd.Params):
    model: str = "net"
    args: str = ""
    seed: int = 1
    mode: Literal["work", "raise", "wait"] = "work"


class Trained(qd.Result):
    size: int
    weights: qd.File


class Testing(qd.Params):
    noise: float = 0.0


class Tested(qd.Result):
    score: float
    responses: qd.File


class Mean(qd.Result):
    mean: float
    members: int


@study.task(rule="train_model", memory="200MB", walltime="3m")
def train(params: Training, run: qd.Run) -> Trained:
    """Train a model."""
    note(f"train {params.model}{params.args} {params.seed}")
    if params.mode == "raise" and params.seed == 2:
        raise ValueError("no such layer")
    while params.mode == "wait" and not (SIDE / "go").exists():
        time.sleep(0.01)
    print("training", params.model)
    file = run.file("weights.pt")
    weather = (SIDE / "weather").read_text() if (SIDE / "weather").exists() else ""
    file.write_text(f"{params.model}{params.args} {params.seed}{weather}")
    return Trained(size=len(params.model), weights=file)


@study.task(rule="test_model")
def test(params: Testing, train: qd.Done[Training, Trained], run: qd.Run) -> Tested:
    """Test a model."""
    note(f"test {train.params.model}{train.params.args} {train.params.seed} {params.noise}")
    file = run.file("responses.txt")
    file.write_text(f"{train.result.weights.read_text()} {params.noise}")
    return Tested(score=train.result.size - params.noise + train.params.seed, responses=file)


@study.task
def mean(test: Annotated[qd.Many[Testing, Tested], qd.over("seed", missing="drop")]) -> Mean:
    """Average over seeds."""
    note("mean")
    return Mean(mean=sum(one.result.score for one in test) / len(test), members=len(test))


study.view(train, "models/{model}/{model}{args}_{seed:04d}_trained.pt", artifact="weights")
study.view(test, "reports/{model}{args}_{seed:04d}_noise{noise}.txt", artifact="responses")
study.part("experiment", test, mean)
'''


class Flow(Place):
    """A study, a Snakefile beside it, and the commands on both."""

    def __init__(self, folder: Path, body: str = BODY) -> None:
        super().__init__(folder, body)
        self.environment["XDG_CACHE_HOME"] = str(folder / "cache")
        self.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def write_snakefile(self, *arguments: str) -> None:
        """`quadrat snakefile`, into the folder of the study."""
        where = ("-o", str(self.folder), "--store", str(self.root))
        self.call("quadrat", "snakefile", str(self.study), *arguments, *where)

    def snakemake(self, *arguments: str, code: int | None = 0) -> str:
        """Call snakemake, which is to end with a code; returns what it said."""
        return self.call("snakemake", *arguments, code=code)

    def call(self, command: str, *arguments: str, code: int | None = 0) -> str:
        """Call `snakemake` or `quadrat`."""
        found, said = warm().call(command, arguments, self.folder, self._environment)
        assert code is None or found == code, f"{found}\n{said}"
        return said

    def cold(self, *command: str) -> str:
        """Call a command that is neither."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=True,
        )
        return done.stdout

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start snakemake in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            env=self._environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self, *arguments: str) -> None:
        """`quadrat run`."""
        self.call("quadrat", "run", str(self.study), *arguments, "--on", "inline")

    def status(self, *arguments: str) -> dict[str, int]:
        """How many runs are finished, and how many to run."""
        told = json.loads(self.call("quadrat", "status", str(self.study), *arguments, "--json"))
        return {name: told[name] for name in ("finished", "to_run")}

    def views(self) -> list[str]:
        """The names of all views."""
        return sorted(
            os.path.relpath(Path(folder) / name, self.root)
            for folder, folders, names in os.walk(self.root)
            if not (".quadrat" in folders and folders.remove(".quadrat"))
            for name in names
        )

    def forget(self) -> None:
        """Take away what tasks have noted so far."""
        (self.side / "notes").unlink(missing_ok=True)


def jobs(said: str) -> dict[str, int]:
    """The table of jobs that snakemake shows, without its total; empty where there is nothing to do."""
    found = re.search(r"^Job stats:\n.*\n-[- ]*\n((?:\S+ +\d+\n)+)", said, re.MULTILINE)
    lines = found[1].splitlines() if found else []
    counts = {line.split()[0]: int(line.split()[1]) for line in lines}
    counts.pop("total", None)
    return counts


def is_done(said: str) -> bool:
    """Whether snakemake has found nothing to do."""
    return "Nothing to be done" in said and not jobs(said)

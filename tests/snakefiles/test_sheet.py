"""What a job on a cluster reads of the plan, and that it reads nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from quadrat.snakefiles.sheet import Reads, RuleSheet, Sheet, Unknown

MAKE = RuleSheet("make", ["m/{a}_{b}.pt", "m/{a}_{b}.txt"], [["m/x_1.pt", "m/y_2.pt"], ["m/x_1.txt", "m/y_2.txt"]], {})
MEAN = RuleSheet("mean", ["mean/{point}.json"], [["mean/all.json"]], {"make": Reads("make", [0], [[0, 1]])}, held=[0])

SCRIPT = """
import json, os, sys
from types import SimpleNamespace

os.environ["QUADRAT_SNAKEMAKE_PLAN"] = sys.argv[1]
sys.modules["snakemake.exceptions"] = SimpleNamespace(WorkflowError=RuntimeError)  # which a job has loaded anyway
sys.modules["snakemake.resources"] = SimpleNamespace(Resources=None)
workflow = SimpleNamespace(is_main_process=False, resource_settings=SimpleNamespace(overwrite_resources={}))

from quadrat.snakefiles import Sweep

sweep = Sweep(workflow, study="gone", store="runs")
found = sweep.reads("mean", "make")(SimpleNamespace(point="all"))
print(json.dumps([found, sweep.names("make")(None), sweep.names("mean")(None), sorted(sys.modules)]))
"""


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    made = Sheet(tmp_path, {"make": MAKE, "mean": MEAN}, {"part": ["mean"]})
    made.save()
    return made


def test_a_sheet_is_read_as_it_was_written(sheet: Sheet) -> None:
    assert Sheet.load(sheet.folder) == sheet
    assert sheet.chosen("part") == ["mean"]
    assert sheet.chosen("all") == ["make", "mean"]


def test_runs_are_found_by_their_names(sheet: Sheet) -> None:
    make = sheet.rules["make"]
    assert make.place(SimpleNamespace(a="y", b="2")) == 1
    assert make.places["m/y_2.txt"] == 1
    with pytest.raises(Unknown, match=r"no run of this sweep has the name 'm/y_1\.pt'"):
        make.place(SimpleNamespace(a="y", b="1"))


def test_a_job_on_a_cluster_loads_next_to_nothing(sheet: Sheet) -> None:
    command = [sys.executable, "-c", SCRIPT, str(sheet.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    read, made, kept, loaded = json.loads(done.stdout)
    assert read == ["runs/m/x_1.pt", "runs/m/y_2.pt"]
    assert made == ["runs/m/x_1.pt", "runs/m/y_2.pt", "runs/m/x_1.txt", "runs/m/y_2.txt"]
    assert kept == []  # it is held back
    heavy = {"numpy", "polars", "hydra", "omegaconf", "yaml", "orjson", "quadrat.session", "quadrat.plan.plan", "torch"}
    assert heavy & set(loaded) == set()

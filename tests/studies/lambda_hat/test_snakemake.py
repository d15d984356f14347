"""Every Snakemake command of the page on sweeps, in a folder with an experiment file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from snakefiles.flow import is_done, jobs
from studies.lambda_hat.sweeps import SMALL, Folder, example, finished

pytest.importorskip("jax")
pytest.importorskip("arviz")
pytest.importorskip("snakemake")

ALL = {"build_target": 3, "run_sampler": 9, "diagnose": 9, "summary": 1, "all": 1}
SLURM = ("--profile", "slurm", "-j", "100", "-n")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The page's first example and a Snakefile; nothing has run."""
    made = Folder(tmp_path_factory.mktemp("planned"), example("sweep"))
    made.write(example("float32"), "experiments_f32")
    made.write(example("ablation"), "experiments_ablation")
    made.quadrat("snakefile", "lambda_hat")
    return made


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A copy of the small sweep, which `quadrat run` has finished, and a Snakefile."""
    made = finished(tmp_path_factory).copy(tmp_path_factory.mktemp("done"))
    made.quadrat("snakefile", "lambda_hat")
    return made


def outputs(said: str) -> set[str]:
    """The samplers whose runs are to be made."""
    return set(re.findall(r"output: runs/targets/tgt_[0-9a-f]{12}/run_([a-z]+)_[0-9a-f]{8}/analysis\.json", said))


# --- what is to be done: nothing has run ---------------------------------------------------------------------------


def test_a_preview_shows_the_entire_dag(planned: Folder) -> None:
    said = planned.snakemake("-n")
    assert jobs(said) == ALL
    assert outputs(said) == {"hmc", "sgld", "mclmc"}
    assert not list((planned.path / "runs").glob("targets/*"))


@pytest.mark.parametrize(
    ("file", "targets", "runs", "samplers"),
    [("experiments_f32", 1, 1, {"sgld"}), ("experiments_ablation", 4, 12, {"hmc", "sgld", "mclmc"})],
)
def test_another_experiment_file_goes_over_the_first(
    planned: Folder, file: str, targets: int, runs: int, samplers: set[str]
) -> None:
    said = planned.snakemake("-j", "4", "--configfile", f"config/{file}.yaml", "-n")
    assert jobs(said) == {"build_target": targets, "run_sampler": runs, "diagnose": runs, "summary": 1, "all": 1}
    assert outputs(said) == samplers


@pytest.mark.slow
def test_subsets_by_patterns(planned: Folder) -> None:
    make = ("make", "-j", "4", "-n")
    said = planned.quadrat(*make, "runs/targets/*/meta.json", "--resources", "mem_mb=16000")
    assert jobs(said) == {"build_target": 3, "matching": 1}
    assert "mem_mb=4500" in said
    said = planned.quadrat(*make, "runs/targets/*/run_hmc_*/analysis.json", "--resources", "mem_mb=4000")
    assert jobs(said) == {"build_target": 3, "run_sampler": 3, "matching": 1}
    assert outputs(said) == {"hmc"}
    assert "mem_mb=4000" in said  # a job that needs more has all there is
    target = planned.items("target")[1]["id"][:12]
    said = planned.quadrat(*make, f"runs/targets/tgt_{target}/run_*/analysis.json")
    assert jobs(said) == {"build_target": 1, "run_sampler": 3, "matching": 1}


def test_a_single_run_by_its_name(planned: Folder) -> None:
    listed = planned.listed()
    target, run = listed["target"][0]["id"], listed["sample"][0]["id"]
    name = f"runs/targets/tgt_{target[:12]}/run_hmc_{run[:8]}/analysis.json"
    assert jobs(planned.snakemake("-n", name)) == {"build_target": 1, "run_sampler": 1}
    said = planned.snakemake("-n", "runs/targets/tgt_abc123456789/run_hmc_xy789abc/analysis.json", code=1)
    assert "no run of this sweep has the name 'targets/tgt_abc123456789/run_hmc_xy789abc/analysis.json'" in said


@pytest.mark.parametrize("pattern", ["runs/targets/*/meta.json", "runs/targets/tgt_abc123456789/run_*/analysis.json"])
def test_a_pattern_after_snakemake_itself_is_told_the_way(planned: Folder, pattern: str) -> None:
    said = planned.snakemake(pattern, "-j", "4", code=1)
    assert f"'{pattern}' is a pattern, which Snakemake takes for the name of a file" in said
    assert f"quadrat make '{pattern}'" in said


def test_what_would_be_run(planned: Folder) -> None:
    said = planned.snakemake("-n", "--detailed-summary")
    assert said.count("analysis.json") >= 9
    assert said.count("missing") >= 9
    assert "build_target" in said
    said = planned.snakemake("--summary")
    assert len(re.findall(r"^runs/targets/\S+/analysis\.json\s.*missing", said, re.MULTILINE)) == 9


@pytest.mark.parametrize(
    "resources",
    [
        ["--set-resources", "build_target:time=120", "--set-resources", "run_sampler:time=360"],
        ["--set-resources", "build_target:time=120", "run_sampler:time=360"],
    ],
    ids=["as on the page", "at once"],
)
def test_time_on_a_cluster(planned: Folder, resources: list[str]) -> None:
    said = planned.snakemake(*SLURM, *resources)
    assert jobs(said) == ALL
    for rule, minutes in (("build_target", 120), ("run_sampler", 360)):
        found = re.findall(rf"rule {rule}:\n(?:    .*\n)*?    resources: .*runtime=(\d+)", said)
        assert set(found) == {str(minutes)}


def test_a_mistake_in_the_file_is_one_clear_error(planned: Folder, tmp_path: Path) -> None:
    folder = planned.copy(tmp_path)
    folder.write(example("sweep").replace("name: sgld", "name: sgdl"))
    said = folder.snakemake("-n", code=1)
    assert "config/experiments.yaml:11: samplers[1].name: there is no sampler 'sgdl'" in said
    assert "did you mean 'sgld'?" in said
    assert "Traceback" not in said
    # What only a task's check can tell is told before the first job.
    small = "targets: [{ model: small, data: small }]\nsamplers: [{ name: hmc, overrides: { draws: 9 } }]\n"
    folder.write(f'store_root: "runs"\n{small}')
    said = folder.snakemake("-j", "4", code=1)
    assert "9 draws are not more than the 500 steps of warm-up before them" in said
    assert not list((folder.path / "runs").glob("targets/*"))


# --- where everything is finished ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_is_finished_is_not_made_again(done: Folder) -> None:
    for command in (["-n"], ["-j", "4"], ["--rerun-incomplete", "-j", "4"]):
        assert is_done(done.snakemake(*command)), command
    said = done.snakemake("--summary", "--quiet", "all")
    assert said.count("no update") == 3 * 3 + 6 * 2 + 6 * 7 + 10
    assert "missing" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("build_target", {"build_target": 3, "run_sampler": 6, "diagnose": 6, "summary": 1, "all": 1}),
        ("run_sampler", {"run_sampler": 6, "diagnose": 6, "summary": 1, "all": 1}),
    ],
)
def test_a_rule_can_be_forced(done: Folder, rule: str, expected: dict[str, int]) -> None:
    assert jobs(done.snakemake("--forcerun", rule, "-j", "4", "-n")) == expected


@pytest.mark.slow
def test_what_is_added_is_all_that_is_made(done: Folder, tmp_path: Path) -> None:
    folder = done.copy(tmp_path)
    folder.write(SMALL + "  - { name: mclmc }\n")
    assert jobs(folder.snakemake("-n")) == {"run_sampler": 3, "diagnose": 3, "summary": 1, "all": 1}
    line = next(line for line in SMALL.splitlines() if "seed: 42" in line)
    folder.write(SMALL.replace(line, f"{line}\n{line.replace('seed: 42', 'seed: 45')}"))
    assert jobs(folder.snakemake("-n")) == {"build_target": 1, "run_sampler": 2, "diagnose": 2, "summary": 1, "all": 1}


# --- a sweep that Snakemake makes ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_snakemake_makes_what_quadrat_makes(done: Folder, tmp_path: Path) -> None:
    lines = [line for line in SMALL.splitlines() if "seed: 43" not in line and "seed: 44" not in line]
    folder = Folder(tmp_path, "\n".join(lines) + "\n")
    folder.quadrat("snakefile", "lambda_hat")
    said = folder.snakemake("-j2")
    assert jobs(said) == {"build_target": 1, "run_sampler": 2, "diagnose": 2, "summary": 1, "all": 1}
    assert folder.counts("to_run", "status") == {"target": 0, "sample": 0, "diagnose": 0, "summary": 0}
    assert is_done(folder.snakemake("-n"))
    assert "nothing to run" in folder.quadrat("run", "lambda_hat")
    (target,) = (folder.path / "runs" / "targets").iterdir()
    made = {path.relative_to(folder.path): json.loads(path.read_text()) for path in target.glob("run_*/analysis.json")}
    assert len(made) == 2
    for name, values in made.items():
        there = json.loads((done.path / name).read_text())
        for number in ("L0", "llc_mean", "llc_std", "ess", "r_hat", "fge"):
            assert values[number] == there[number]

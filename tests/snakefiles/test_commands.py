"""Plain snakemake on a generated Snakefile: each command that people type, on real files."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from e2e.harness import wait_until
from snakefiles.flow import BODY, Flow, is_done, jobs

SWEEP = ("seed=1,2", "noise=0.0,0.5")
ALL = {"train_model": 2, "test_model": 4, "mean": 2, "all": 1}


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    """A folder with a Snakefile and nothing made."""
    made = Flow(tmp_path)
    made.write_snakefile(*SWEEP)
    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Flow:
    """A sweep that `quadrat run` has finished, for tests that only look."""
    made = Flow(tmp_path_factory.mktemp("finished"))
    made.write_snakefile(*SWEEP)
    made.finish(*SWEEP)
    return made


def test_what_snakemake_made_is_finished_for_quadrat_and_the_other_way_round(flow: Flow) -> None:
    assert jobs(flow.snakemake("-j2")) == ALL
    assert flow.status(*SWEEP) == {"finished": 8, "to_run": 0}
    assert is_done(flow.snakemake("-n"))
    assert set(flow.notes().values()) == {1, 2}  # nothing was run twice: there are two means
    flow.check()

    wider = ("seed=1,2,3", "noise=0.0,0.5")
    flow.finish(*wider)
    assert is_done(flow.snakemake("-n", "--config", "seed=[1,2,3]"))
    assert is_done(flow.snakemake("-n"))  # and back again


def test_views_can_be_taken_away_and_come_back(flow: Flow) -> None:
    flow.finish(*SWEEP)
    flow.snakemake("-n")
    names = flow.views()
    assert names == [
        "mean/default.json",
        "mean/noise=0.5.json",
        "models/net/net_0001_trained.pt",
        "models/net/net_0002_trained.pt",
        *(f"reports/net_000{seed}_noise{noise}.txt" for seed in (1, 2) for noise in (0.0, 0.5)),
    ]
    for name in names:
        assert (flow.root / name).stat().st_nlink == 2  # a hard link to the artifact itself
        (flow.root / name).unlink()
    flow.finish("seed=2", "noise=0.5")  # some come back out of order
    assert is_done(flow.snakemake("-n"))
    assert flow.views() == names


def test_a_file_name_as_target_builds_just_its_chain(flow: Flow) -> None:
    name = "runs/reports/net_0002_noise0.5.txt"
    said = flow.snakemake("-j2", name)
    assert jobs(said) == {"train_model": 1, "test_model": 1}
    assert dict(flow.notes()) == {"train net 2": 1, "test net 2 0.5": 1}
    assert (flow.folder / name).read_text() == "net 2 0.5"
    assert (flow.folder / "logs/train_model/models/net/net_0002_trained.log").read_text() == "training net\n"
    assert (flow.folder / "benchmarks/train_model/models/net/net_0002_trained.tsv").is_file()

    said = flow.snakemake("-n", "runs/reports/net_0009_noise0.5.txt", code=1)
    assert "no run of this sweep has the name 'reports/net_0009_noise0.5.txt'" in said


def test_an_absolute_path_is_the_same_target(finished: Flow) -> None:
    name = "runs/reports/net_0002_noise0.5.txt"
    assert is_done(finished.snakemake("-n", str(finished.folder / name)))
    assert "Missing" in finished.snakemake("-n", f"/elsewhere/{name}", code=1)


ASKED = """
study.targets_as = "files"

@study.space
def space(files: list[str] = []) -> dict[str, qd.Space]:
    asked = [int(name.split("_")[1]) for name in files if name.startswith("models/net_")]
    return {"train": qd.grid(seed=list(dict.fromkeys([*asked, 1])))}


class Trained(qd.Result):
    weights: qd.File


@study.task
def train(seed: int, run: qd.Run) -> Trained:
    note(f"train {seed}")
    file = run.file("weights.pt")
    file.write_text(str(seed))
    return Trained(weights=file)


study.view(train, "models/net_{seed:04d}_trained.pt", artifact="weights")
"""


def test_a_study_may_add_to_the_sweep_what_makes_a_file(tmp_path: Path) -> None:
    flow = Flow(tmp_path, ASKED)
    flow.write_snakefile()
    assert jobs(flow.snakemake("-j1", "runs/models/net_0007_trained.pt")) == {"train": 1}
    assert jobs(flow.snakemake("-j1", str(flow.root / "models/net_0008_trained.pt"))) == {"train": 1}
    assert dict(flow.notes()) == {"train 7": 1, "train 8": 1}
    assert flow.views() == ["models/net_0007_trained.pt", "models/net_0008_trained.pt"]
    assert jobs(flow.snakemake("-n")) == {"train": 1, "all": 1}


def test_forcerun_makes_just_that_again(flow: Flow) -> None:
    flow.finish(*SWEEP)
    flow.forget()
    flow.snakemake("-j2", "--forcerun", "train_model")
    # The bytes came out the same: what reads them was looked at, and not run.
    assert dict(flow.notes()) == {"train net 1": 1, "train net 2": 1}
    assert sorted((record.task, record.attempt) for record in flow.records("train")) == [("train", 2)] * 2
    assert is_done(flow.snakemake("-n"))

    flow.forget()
    flow.snakemake("-j2", "--force", "runs/reports/net_0001_noise0.5.txt")
    assert dict(flow.notes()) == {"test net 1 0.5": 1}
    assert is_done(flow.snakemake("-n"))

    flow.forget()
    (flow.side / "weather").write_text(", rainy")  # now other bytes come out: what reads them is made again
    flow.snakemake("-j2", "--forcerun", "train_model")
    assert sum(flow.notes().values()) == 2 + 4 + 2
    assert is_done(flow.snakemake("-n"))


def test_what_another_process_made_again_is_no_reason_to_run(flow: Flow) -> None:
    """The upstream is newer than what has read it, but has the same bytes."""
    flow.finish(*SWEEP)
    flow.finish(*SWEEP, "--only", "train", "--rerun", "all")
    assert is_done(flow.snakemake("-n"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--config", "seed=[1,2,7]"], {"train_model": 1, "test_model": 2, "mean": 2}),
        (["--config", "model=[net, big]", "seed=1"], {"train_model": 1, "test_model": 2, "mean": 4}),
        (["--config", "test={noise: [0.0, 0.25]}"], {"test_model": 2, "mean": 1}),
        (["--config", "args=-wide"], {"train_model": 2, "test_model": 4, "mean": 2}),
        (["--configfile", "more.yaml"], {"train_model": 1, "test_model": 2}),
        (["experiment", "--config", "seed=[1,7]"], {"train_model": 1, "test_model": 2, "mean": 2, "experiment": 1}),
        (["all_train_model", "--config", "seed=[1,7]"], {"train_model": 1, "all_train_model": 1}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_config_is_overrides_and_a_list_an_axis(finished: Flow, arguments: list[str], expected: dict[str, int]) -> None:
    (finished.folder / "more.yaml").write_text("model: other\n")
    if "more.yaml" in arguments:
        arguments = [*arguments, "--config", "seed=1", "noise=0.0,0.5"]
        expected = {**expected, "mean": 2}
    found = jobs(finished.snakemake("-n", *arguments))
    found.pop("all", None)
    assert found == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("sed=3", "unknown parameter 'sed'"),
        ("seed=[1,x]", "should be a valid integer"),
        ("seed=[1,2", "is no list and no mapping"),
    ],
)
def test_a_wrong_config_is_one_clear_error(finished: Flow, config: str, message: str) -> None:
    said = finished.snakemake("-n", "--config", config, code=1)
    assert message in said
    assert "Traceback" not in said


def test_a_study_that_has_changed_wants_another_snakefile(flow: Flow) -> None:
    flow.write(BODY.replace("_trained.pt", "_fitted.pt"))
    said = flow.snakemake("-n", code=1)
    assert "the study has changed since this Snakefile was written: rule 'train_model'" in said
    flow.write_snakefile(*SWEEP, "--force")
    assert jobs(flow.snakemake("-n")) == ALL


def test_resources(finished: Flow) -> None:
    more = ("all_train_model", "--config", "seed=9")
    said = finished.snakemake("-n", *more)
    assert "runtime=3" in said
    assert "mem_mb=700" in said
    said = finished.snakemake("-n", *more, "--set-resources", "train_model:time=2h", "train_model:mem_mb=900")
    assert "runtime=120" in said
    assert "mem_mb=900" in said
    # Of several of these Snakemake takes the last alone.
    first = ("--set-resources", "train_model:time=2h", "train_model:mem_mb=800", "--set-resources", "mean:mem_mb=1")
    said = finished.snakemake("-n", *more, *first, "--set-resources=train_model:mem_mb=900")
    assert "runtime=120" in said
    assert "mem_mb=900" in said


def test_looking(finished: Flow) -> None:
    said = finished.snakemake("--summary", "--quiet", "all")
    assert said.count("no update") == 8
    assert "runs/models/net/net_0001_trained.pt" in said
    dag = finished.snakemake("--dag", "--quiet", "all")
    assert "digraph snakemake_dag" in dag
    assert "train_model" in dag
    assert is_done(finished.snakemake("-n", "--rerun-incomplete"))
    assert "all_test_model" in finished.snakemake("--list-rules", "--quiet", "all")


def test_quoted_patterns(finished: Flow) -> None:
    more = ("-n", "--config", "seed=[1,2,7]")
    assert jobs(finished.call("quadrat", "make", "runs/models/*/*_trained.pt", *more)) == {
        "train_model": 1,
        "matching": 1,
    }
    script = finished.folder / "cluster" / "snakecharm.sh"
    arguments = ["runs/reports/*_0007_noise0.5.txt", "-n", "--config", "seed=[1,7]"]
    finished.environment["PROFILE"] = "profiles/default"
    assert jobs(finished.cold(str(script), *arguments)) == {"train_model": 1, "test_model": 1, "matching": 1}
    assert "has a name like 'runs/nothing/*'" in finished.call("quadrat", "make", "-n", "runs/nothing/*", code=1)
    said = finished.snakemake("-n", "runs/models/*", "--config", "seed=[1,2,7]", code=1)
    assert "'runs/models/*' is a pattern, which Snakemake takes for the name of a file" in said
    assert "quadrat make 'runs/models/*'" in said


def test_a_failure_stops_only_what_reads_it(flow: Flow) -> None:
    said = flow.snakemake("-j2", "--config", "mode=raise", code=1)
    assert "FAILED run of train: ValueError: no such layer" in said
    assert "quadrat/execution" not in said  # the user's frames only
    log = (flow.folder / "logs/train_model/models/net/net_0002_trained.log").read_text()
    assert "ValueError: no such layer" in log
    assert "small.py" in log
    assert [failure.kind for failure in flow.failures()] == ["error"]
    assert flow.status(*SWEEP, "mode=raise") == {"finished": 3, "to_run": 5}
    # Gathers that may go on without what has failed do so when it is not tried again.
    flow.snakemake("-j2", "--config", "mode=raise", "rerun=none")
    assert [record.metrics["members"] for record in flow.records("mean")] == [1, 1]
    assert flow.notes()["train net 2"] == 1


def test_chunks(flow: Flow) -> None:
    flow.write_snakefile(*SWEEP, "--chunk", "4", "--force")
    said = flow.snakemake("-j2", "--config", "mode=raise", code=1)
    assert 1 < jobs(said)["chunk"] <= 4
    assert "FAILED run of train: ValueError: no such layer" in said
    # In a chunk a gather goes on without what has failed before its eyes.
    assert {(record.task, record.metrics.get("members")) for record in flow.records()} == {
        ("train", None),
        ("test", None),
        ("mean", 1),
    }
    assert set(flow.notes().values()) <= {1, 2}

    flow.snakemake("-j2", "all_test_model")
    assert flow.status(*SWEEP, "--to", "test") == {"finished": 6, "to_run": 0}
    flow.snakemake("-j2")
    assert flow.status(*SWEEP) == {"finished": 8, "to_run": 0}
    assert jobs(flow.snakemake("-n")) == {}
    flow.check()


def test_what_is_edited_meanwhile_changes_nothing(flow: Flow) -> None:
    conf = flow.folder / "conf" / "config.yaml"
    conf.parent.mkdir()
    conf.write_text("model: net\nmode: wait\n")
    process = flow.start("-j1", "all_test_model", "--config", "noise=0.5")
    wait_until(flow.notes)
    conf.write_text("model: other\nmode: wait\n")
    flow.write(BODY.replace("score=train.result.size", "score=1000 + train.result.size"))
    (flow.side / "go").touch()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert sorted(record.metrics["score"] for record in flow.records("test")) == [3.5, 4.5]
    assert {record.params["model"] for record in flow.records("train")} == {"net"}


def test_an_interrupt_lets_what_runs_finish(flow: Flow) -> None:
    process = flow.start("-j1", "all_train_model", "--config", "mode=wait")
    wait_until(flow.notes)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.stdout
    said: list[str] = []
    reader = threading.Thread(target=said.extend, args=[process.stdout])
    reader.start()
    wait_until(lambda: "Terminating processes on user request" in "".join(said))
    (flow.side / "go").touch()
    assert process.wait(timeout=120) != 0
    reader.join()
    process.stdout.close()
    assert len(flow.records()) == 1
    flow.check()
    flow.snakemake("-j1", "all_train_model", "--rerun-incomplete", "--config", "mode=wait")
    assert len(flow.records()) == 2
    assert set(flow.notes().values()) == {1}


def test_after_a_kill_both_go_on(flow: Flow) -> None:
    process = flow.start("-j1", "all_train_model", "--config", "mode=wait")
    wait_until(flow.notes)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=120)
    (flow.side / "go").touch()
    flow.finish("seed=1", "--to", "train", "mode=wait")
    assert "--unlock" in flow.snakemake("-j1", "all_train_model", "--config", "mode=wait", code=1)
    flow.snakemake("--unlock")
    flow.snakemake("-j1", "all_train_model", "--config", "mode=wait")
    assert flow.status(*SWEEP, "--to", "train", "mode=wait") == {"finished": 2, "to_run": 0}
    assert is_done(flow.snakemake("-n", "all_train_model", "--config", "mode=wait"))
    flow.quadrat("gc", "--yes")
    flow.check()


def test_another_look_meanwhile_disturbs_nothing(flow: Flow) -> None:
    process = flow.start("-j1", "--config", "mode=wait")
    wait_until(flow.notes)
    assert jobs(flow.snakemake("-n", "--config", "mode=wait")) == ALL
    assert jobs(flow.snakemake("-n")) == ALL  # and what is not there for another sweep
    (flow.side / "go").touch()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said


def test_a_run_that_is_gone_is_made_again(flow: Flow) -> None:
    flow.finish(*SWEEP)
    gone = next(record for record in flow.records("train") if record.params["seed"] == 2)
    flow.call("quadrat", "quarantine", gone.id)
    flow.forget()
    flow.snakemake("-j2")
    assert dict(flow.notes()) == {"train net 2": 1}
    assert is_done(flow.snakemake("-n"))


def test_any_folder_will_do(hostile_path: Path) -> None:
    flow = Flow(hostile_path)
    flow.write_snakefile("seed=1")
    flow.snakemake("-j2")
    assert len(flow.records()) == 3
    assert json.loads((flow.root / "mean" / "default.json").read_text())["metrics"] == {"mean": 4.0, "members": 1}


PROJECT = """
@study.task(rule="train_model")
def train(seed: int = 1) -> dict:
    return {"half": seed / 2}
"""


def test_the_projects_configuration_is_read_when_snakemake_begins(tmp_path: Path) -> None:
    flow = Flow(tmp_path, PROJECT)
    own = 'project_config="config/experiments.yaml", settings_as={"store_root": "store"}'
    flow.study.write_text(flow.study.read_text().replace('qd.Study("small"', f'qd.Study("small", {own}'))
    flow.environment["QUADRAT_STORE"] = ""
    project = flow.folder / "config" / "experiments.yaml"
    project.parent.mkdir()
    project.write_text("store_root: kept\nsweep: {seed: [1, 2]}\n")
    flow.call("quadrat", "snakefile", str(flow.study))
    assert jobs(flow.snakemake("-j2")) == {"train_model": 2, "all": 1}
    assert sorted(one.name for one in (flow.folder / "kept" / "train_model").iterdir()) == [
        "default.json",
        "seed=2.json",
    ]
    project.write_text("store_root: kept\nsweep: {seed: [1, 2, 3]}\n")
    assert jobs(flow.snakemake("-n")) == {"train_model": 1, "all": 1}
    assert flow.status() == {"finished": 2, "to_run": 1}
    project.write_text("store_root: other\nseed: 1\n")
    assert "note: this Snakefile keeps runs in 'kept', the configuration says 'other'" in flow.snakemake("-n")


@pytest.mark.parametrize("command", [("snakemake",), ("quadrat", "make")])
def test_the_profile_for_slurm_has_a_short_name(finished: Flow, command: tuple[str, ...]) -> None:
    name, *verb = command
    said = finished.call(name, *verb, "--profile", "slurm", "-j", "100", "-n", "--forcerun", "mean")
    assert jobs(said)["mean"] == 2

"""The study from a request to figures: its plan, its files, its errors, and that nothing is lost."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import yaml

from once import seen
from page import sections
from quadrat import BadInput
from quadrat.session import Request, open_session
from quadrat.testing.conformance import wait_until
from studies.dynvision.projects import SMALL, Project

OVERRIDES = ("experiment=[duration]", "seed=['0001']", "model_args={rctype:full}")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small sweep, finished."""
    project = Project(tmp_path_factory.mktemp("done"))
    project.call("quadrat", "run", "dynvision", "-j", "2")
    return project


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plans requests in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUADRAT_STORE", raising=False)

    def plan(*overrides: str) -> dict[str, int]:
        session = open_session("dynvision", None, Request(overrides=overrides))
        return {name: one.size for name, one in session.plan().tasks.items()}

    return plan


def test_the_default_sweep(planned: Any) -> None:
    sizes = planned()
    assert (sizes["train"], sizes["test"], sizes["process"]) == (4, 60, 60)  # 2 types, 2 seeds; 8 + 7 stimuli
    assert (sizes["aggregate"], sizes["plot_adaption"], sizes["compare"], sizes["kept"]) == (2, 2, 1, 0)


def test_ids_are_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes them loses users' results."""
    monkeypatch.chdir(tmp_path)
    plan = open_session("dynvision", None, Request(overrides=OVERRIDES)).plan()
    found = {name: plan.tasks[name].ids[0].hex() for name in ("raw", "init", "train", "test")}
    assert found == {
        "raw": "44e01e272d5e266c275a9158984ab576",
        "init": "31bdd37824ea125a8079d700b0ca25b7",
        "train": "2994f0bb0505ca2828c4e1825f3cca88",
        "test": "15fa2c05f78aa3e93acac9309a8195bb",
    }


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ("model_name=DyRCNNx4,AlexNet", "model_args.rctype=full,self", "experiment=contrast"),
            {"train": 8, "test": 56},
        ),
        (
            ("category=tsteps", "model_args={}", "experiment=duration"),
            {"train": 10, "aggregate": 1, "plot_training": 1},
        ),
        (("experiment=noise", "seed=[1]"), {"test": 48, "aggregate": 4}),
        (("experiment=contrastffonly", "seed=[1]"), {"test": 14}),
        (("experiment=responseintermediate", "seed=[1]", "model_args={}"), {"train": 5, "test": 4, "aggregate": 1}),
        (
            ("data_name=digits,mnist", "data_group=all,even", "experiment=duration"),
            {"raw": 2, "group": 4, "aggregate": 4},
        ),
        (("status=[init,trained-best]", "experiment=duration", "seed=[1]"), {"test": 32, "train": 2, "aggregate": 2}),
        (("model_args={lossrt: [0, 4], rctype: full}", "experiment=duration"), {"init": 2, "train": 4}),
        (("category=pattern", "model_args={}", "experiment=duration", "seed=[1]"), {"init": 1, "train": 4}),
        (("model_args={lr: [1e-3, 1e-4]}", "experiment=duration", "seed=[1]"), {"init": 1, "train": 2, "aggregate": 1}),
        (("store_test_responses=true", "experiment=duration"), {"kept": 32}),
    ],
)
def test_what_requests_plan(planned: Any, overrides: tuple[str, ...], expected: dict[str, int]) -> None:
    sizes = planned(*overrides)
    assert {name: sizes[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("overrides", "message", "hint"),
    [
        (("model_name=DyRCNN4",), "there is no model 'DyRCNN4'", "did you mean 'DyRCNNx"),
        (("experiment=contrst",), "there is no experiment 'contrst'", "did you mean 'contrast'?"),
        (("data_group=evn",), "there is no data group of digits 'evn'", "did you mean 'even'?"),
        (("data_groups.digits.none=[]", "data_group=none"), "the data group 'none' of digits has no class", ""),
        (("model_args={rctyp: full}",), "there is no argument of DyRCNNx2 'rctyp'", "did you mean 'rctype'?"),
        (("model_name=AlexNet", "model_args={tau: 5}"), "there is no argument of AlexNet 'tau'", ""),
        (("category=rctypes",), "there is no category 'rctypes'", "did you mean 'rctype'?"),
        (("status=[trained-bst]",), "a model has no status 'trained-bst'", "known: init, trained"),
        (("seed=['1a']",), "the seed '1a' is no whole number", "seed=0001"),
        (("experiment_config.duration.data_args.stim=[40]",), "intro 1 + stim 40 is 41 steps", "dsteps"),
        (("experiment_config.duration.data_args.stm=[4]",), "stm", "did you mean 'stim'?"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], message: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as refused:
        open_session("dynvision", None, Request(overrides=overrides)).plan()
    assert message in str(refused.value)
    assert hint in str(refused.value)
    assert not list(tmp_path.glob("**/*.pt"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data_name=digit", "unknown data set 'digit'\n  did you mean 'digits'?"),
        ("data_name=cifar10", "no folder for the data set 'cifar10'"),
        ("mounted_datasets={digits: nowhere}", "nowhere"),
        ("init_with_pretrained=true", "there are no published weights for DyRCNNx2"),
    ],
)
def test_what_a_run_lacks_is_told_before_anything_runs(tmp_path: Path, override: str, message: str) -> None:
    project = Project(tmp_path)
    project.environment.pop("QUADRAT_DATA", None)
    assert message in project.call("quadrat", "run", "dynvision", override, code=2)
    assert not project.files(".quadrat/runs/**/run.json")


def test_files_have_the_names_that_users_know(done: Project) -> None:
    stem = "DyRCNNx2:rctype=full+tsteps=6_0001_digits"
    for name in (
        "data/raw/digits/train/3",
        "data/interim/digits/train_all/3",
        "data/interim/digits/train_all.ready",
        "data/processed/digits/train_all/train.beton",
        f"models/DyRCNNx2/{stem}_init.pt",
        f"models/DyRCNNx2/{stem}_trained.pt",
        f"models/DyRCNNx2/{stem}_trained-best.pt",
        f"models/{stem}_trained.pt",
        f"reports/DyRCNNx2/{stem}_trained_StimulusDuration:dsteps=6+intro=1+stim=3+idle=2_all_test_outputs.csv",
        "reports/experiment_duration.done",
        "reports/figures/plot_experiments_on_models.done",
    ):
        assert (done.folder / name).exists(), name
    group = "DyRCNNx2:rctype=*+tsteps=6_0001_digits_trained_all"
    for experiment in ("duration", "contrast"):
        folder = done.folder / "reports" / "figures" / experiment / f"{experiment}_{group}"
        for plot in ("adaption.png", "adaption.flag", "responses.pdf", "performance.png", "confusion.png"):
            assert (folder / plot).stat().st_size > 10, plot


def test_the_report_has_the_figures_once(done: Project) -> None:
    done.call("quadrat", "report", "dynvision", "-o", "report.html")
    text = (done.folder / "report.html").read_text(encoding="utf-8")
    parts = sections(text)
    assert list(parts) == ["Across models", "Experiments", "What the classifier says", "Training", "Weights"]
    assert all("<img" in part for part in parts.values())
    assert parts["Experiments"].count("<img") == 6 * 2  # experiments
    assert "accuracy" in parts["Across models"]
    assert not re.search(r"<h3>Images</h3>", text)


def test_models_and_tables_are_what_users_load(done: Project) -> None:
    state = torch.load(done.folder / done.files("models/DyRCNNx2/*full*_trained.pt")[0], weights_only=True)
    assert state["layer1.recurrence.conv.weight"].shape == (36, 36, 3, 3)
    outputs = pl.read_csv(done.folder / done.files("reports/DyRCNNx2/*stim=3+idle*outputs.csv")[0])
    assert len(outputs) == 20 * 6
    config = yaml.safe_load((done.folder / done.files("reports/DyRCNNx2/*config.yaml")[0]).read_text())
    assert config["init"]["model"]["tsteps"] == 6
    assert config["test"]["loader"]["dsteps"] == 6
    table = pl.read_csv(done.folder / done.files("reports/figures/duration/*/test_data.csv")[0])
    assert len(table) == 2 * 2 * 20 * 6
    assert set(table["category_value"].unique()) == {"full", "none"}
    assert set(table["parameter_value"].unique()) == {1, 3}
    assert {"accuracy", "top3_accuracy", "layer1_response_avg", "layer2_response_std"} <= set(table.columns)


def test_raw_responses_are_gone_and_come_when_they_are_asked_for(done: Project) -> None:
    assert not done.files(".quadrat/**/test_responses.safetensors")
    assert "nothing to run" in done.call("quadrat", "run", "dynvision")
    kept = ("store_test_responses=true", "experiment=contrast")
    done.call("quadrat", "run", "dynvision", *kept, "-j", "2")
    names = done.files("models/DyRCNNx2/*_test_responses.pt")
    assert len(names) == 4
    responses = torch.load(done.folder / names[0], weights_only=True)
    assert responses["layer1/mean"].shape == (20, 6)
    assert not done.files(".quadrat/**/test_responses.safetensors")


@pytest.mark.slow
def test_a_training_that_is_killed_goes_on(tmp_path: Path, done: Project) -> None:
    """A real kill in the middle, then the same command: the same course and the same weights, to the last bit."""
    project = Project(tmp_path, SMALL.replace("epochs: 2", "epochs: 8"))
    process = project.start("run", "dynvision", "--to", "train", "-j", "1", "model_args.rctype=full")
    wait_until(lambda: seen(project.folder, ".quadrat/**/last.ckpt"), 120)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not project.files("models/DyRCNNx2/*_trained.pt")
    project.call("quadrat", "run", "dynvision", "--to", "train", "-j", "1", "model_args.rctype=full")
    whole = Project(tmp_path / "whole", SMALL.replace("epochs: 2", "epochs: 8"))
    whole.call("quadrat", "run", "dynvision", "--to", "train", "-j", "1", "model_args.rctype=full")
    (log,) = project.files("logs/training/DyRCNNx2/*.csv")
    assert (project.folder / log).read_text() == (whole.folder / log).read_text()
    (model,) = project.files("models/DyRCNNx2/*_trained.pt")
    ours, theirs = (torch.load(one.folder / model, weights_only=True) for one in (project, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)

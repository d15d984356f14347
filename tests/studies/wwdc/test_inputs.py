"""Experiment folders as plans, and what users get wrong in them: one error that says what, where, and what is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from quadrat import BadInput
from quadrat.session import Request, open_session
from studies.wwdc.tiny import EMBED, MODEL, SWEEPS, TRAIN, Project, data

Plan = Callable[..., dict[str, int]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.delenv("QUADRAT_STORE", raising=False)
    return Project(tmp_path)


def plan(*overrides: str) -> dict[str, int]:
    """How many runs each task has."""
    session = open_session("wwdc", None, Request(overrides=overrides))
    return {name: one.size for name, one in session.plan().tasks.items()}


def tiny(*overrides: str) -> dict[str, int]:
    return plan("experiment=TINY_FLOW", f"overrides={list(overrides)!r}")


@pytest.mark.usefixtures("project")
def test_the_sweep_of_a_folder_is_that_of_hydra() -> None:
    sizes = tiny()
    assert (sizes["catalog"], sizes["vae"], sizes["latents"]) == (1, 1, 1)
    assert (sizes["flow"], sizes["embed"], sizes["stat_test"], sizes["pictures"], sizes["page"]) == (4, 4, 4, 2, 1)


@pytest.mark.parametrize("experiment", ["RGBDIGITS_FLOW", "RGBMNIST_FLOW"])
def test_without_a_folder_of_ones_own_there_are_those_that_are_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, experiment: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_ROOT", raising=False)
    sizes = plan(f"experiment={experiment}")
    assert sizes["flow"] == sizes["embed"] == 12


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("overrides", "flows"),
    [
        (["seed=1"], 2),  # takes the place of the axis of sweeper.params, with or without +
        (["+seed=1,2,3"], 6),
        (["+seed=range(0,4)", "+data.x_ds.drop_variables=[r,g,b]"], 4),
        (["+trainer.max_epochs=1,2"], 8),
        (["hydra.sweeper.params={+seed: 7}", "+data.x_ds.drop_variables=[r,g,b],[b,angle,scale]"], 2),
    ],
)
def test_overrides_in_hydras_grammar(overrides: list[str], flows: int) -> None:
    sizes = tiny(*overrides)
    assert (sizes["flow"], sizes["vae"]) == (flows, 1)


@pytest.mark.usefixtures("project")
def test_a_sweep_over_vaes_crosses_that_of_the_flows() -> None:
    sizes = plan("experiment=TINY_FLOW", "vae_overrides=['+seed=1,2']")
    assert (sizes["vae"], sizes["latents"], sizes["flow"]) == (2, 2, 8)


def test_a_change_of_the_analysis_keeps_the_trainings(project: Project) -> None:
    def ids() -> dict[str, Any]:
        tasks = open_session("wwdc", None, Request(overrides=("experiment=TINY_FLOW",))).plan().tasks
        return {name: set(task.ids) for name, task in tasks.items()}

    before = ids()
    project.write("analysis/tiny.yaml", yaml.safe_dump({"tests": [], "anomaly": {"detectors": []}, "learning": {}}))
    after = ids()
    assert {name for name in before if before[name] != after[name]} >= {"stat_test", "anomaly", "learning", "page"}
    assert all(before[name] == after[name] for name in ("catalog", "vae", "latents", "flow", "embed"))


def test_what_is_only_told_changes_no_id(project: Project) -> None:
    """Descriptions and loggers: they are in info files and metrics, not in numbers."""

    def ids() -> set[bytes]:
        return set(open_session("wwdc", None, Request(overrides=("experiment=TINY_FLOW",))).plan().tasks["flow"].ids)

    before = ids()
    project.write("experiment/TINY_FLOW/sweeps.yaml", SWEEPS.replace("Drop the colour", "Without colour"))
    project.write("experiment/TINY_FLOW/model.yaml", MODEL + trainer_without_loggers())
    assert ids() == before


def trainer_without_loggers() -> str:
    return "trainer: { max_epochs: 3, logger: [], callbacks: [] }\ntrainer_ckpt_path: null\n"


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


FILES: list[tuple[str, str, str]] = [
    (
        "experiment/TINY_FLOW/sweeps.yaml",
        changed(SWEEPS, '["b", "angle", "scale"]', '["b", "angel", "scale"]'),
        r"conf/experiment/TINY_FLOW/sweeps.yaml: .*there is no factor 'angel' in the data\n  did you mean 'angle'\?",
    ),
    (
        "experiment/TINY_FLOW/sweeps.yaml",
        changed(SWEEPS, '["r", "g", "b"]', '["r", "g"]'),
        (
            r"model.yaml: lightning_loader.flow.context: the flow takes a context of 12 numbers, but the data give 13: "
            r"10 for the label and 3 factors \(b, angle, scale\)\n  write context: 13, or context: null"
        ),
    ),
    (
        "experiment/TINY_FLOW/model.yaml",
        changed(MODEL, "LightningFlow", "LightningFlo"),
        (
            r"model.yaml: lightning_loader._target_: '.*LightningFlo' cannot be imported: there is no 'LightningFlo'\n"
            r"  did you mean 'LightningFlow'\?"
        ),
    ),
    (
        "experiment/TINY_FLOW/model.yaml",
        changed(MODEL, "_target_: wwdc.models.rgbmnist.Flow", "_target_: nowhere.Flow"),
        r"lightning_loader.flow._target_: 'nowhere.Flow' cannot be imported: there is no 'nowhere'",
    ),
    (
        "experiment/TINY_FLOW/model.yaml",
        changed(MODEL, "${data.loader.batch_size}", "${data.loader.batch_sise}"),
        (
            r"model.yaml: lightning_loader.batch_size: .*'data.loader.batch_sise' not found\n"
            r"  did you mean 'data.loader.batch_size'\?"
        ),
    ),
    ("experiment/TINY_FLOW/model.yaml", "lr: 0.1\n", r"there is no 'lightning_loader'"),
    (
        "experiment/TINY_FLOW/train.yaml",
        changed(TRAIN, "/data/tiny", "/data/tinny"),
        r"train.yaml: .*Could not load 'data/tinny'.\n  did you mean 'tiny'\?",
    ),
    (
        "experiment/TINY_FLOW/train.yaml",
        changed(TRAIN, "+seed: 42, 43", "+seed: '[42, 43'"),
        r"train.yaml: hydra.sweeper.params: '\+seed: \[42, 43' is no sweep",
    ),
    ("data/tiny.yaml", changed(data(500), "source: digits", "source: mnits"), r"data.catalog|catalog.source"),
    (
        "experiment/TINY_FLOW/train.yaml",
        changed(TRAIN, "sweeps, meta, _self_]", "sweeps, meta, _self_]\ndata: { catalog: { size: 8 } }"),
        r"train.yaml: data.catalog.size: the flow and its VAE are trained on other data: size is 8 for .* and 16",
    ),
]


@pytest.mark.parametrize(("file", "text", "message"), FILES, ids=[message[:40] for _, _, message in FILES])
def test_a_mistake_in_a_file(project: Project, file: str, text: str, message: str) -> None:
    project.write(file, text)
    with pytest.raises(BadInput, match=message):
        tiny()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["experiment=TINY_FLOWS"],
            r"no configuration 'experiment/TINY_FLOWS/train'\n  did you mean 'experiment/TINY_FLO",
        ),
        (["config_dir=nowhere"], r"config_dir: there is no folder 'nowhere'"),
        (["overrides=['trainer.max_epoch=1']"], r"Could not override 'trainer.max_epoch'[\s\S]*'trainer.max_epochs'"),
        (["overrides=['trainer=cpu,gpu']"], r"overrides: trainer: 'trainer' is a group of configurations"),
        (["overrides=['seed=[1']"], r"train.yaml: no viable alternative at input '\[1'"),
        (["vae_experiment=NO_VAE"], r"no configuration 'experiment/NO_VAE/train'"),
    ],
)
def test_a_mistake_on_the_command_line(overrides: list[str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan("experiment=TINY_FLOW", *overrides)


def test_a_variable_that_is_not_set_in_the_shell(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    text = changed(
        TRAIN, "sweeps, meta, _self_]", "sweeps, meta, _self_]\nlightning_loader: { size: '${oc.env:SIZE}' }"
    )
    project.write("experiment/TINY_FLOW/train.yaml", text)
    monkeypatch.delenv("SIZE", raising=False)
    with pytest.raises(BadInput, match=r"train.yaml: lightning_loader.size: .*'SIZE' not found.*\n  .*export SIZE=…"):
        tiny()


def test_an_empty_split(project: Project) -> None:
    catalog = yaml.safe_load(data(500))
    catalog["catalog"] |= {"val_share": 0.0}
    project.write("data/tiny.yaml", yaml.safe_dump(catalog))
    said = project.quadrat("run", "wwdc", "experiment=TINY_FLOW", code=2)
    assert "the split 'val' would be empty" in said
    assert "val 0, test 0.15, train 0.85" in said
    assert not list(project.folder.glob("runs/**/*.zarr"))


def test_embeddings_of_a_split_that_does_not_exist(project: Project) -> None:
    project.write("experiment/TINY_FLOW/embed.yaml", changed(EMBED, "[train, test, anomaly]", "[tset]"))
    with pytest.raises(BadInput, match=r"no split 'tset'[\s\S]*did you mean 'test'"):
        tiny()

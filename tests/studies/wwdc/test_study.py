"""The study through both front doors: products, info files, numbers, the page, and that a kill loses nothing."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from once import once, seen
from page import Page, sections
from quadrat.testing.conformance import wait_until
from quadrat_studies.wwdc.inference.embedding import open_embeddings
from quadrat_studies.wwdc.products import FIELDS
from studies.wwdc.tiny import OF_VAE, TRAINER, Project

pytestmark = pytest.mark.slow
SWEEP = {(drop, seed) for drop in (("b", "angle", "scale"), ("r", "g", "b")) for seed in (42, 43)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny sweep, finished by `quadrat run`, and then by plain Hydra."""
    return Project(once(tmp_path_factory, "wwdc", sweep))


def sweep(folder: Path) -> None:
    """Run the tiny sweep through both front doors."""
    project = Project(folder)
    project.quadrat("run", "wwdc", "experiment=TINY_FLOW", "-j", "2")
    project.hydra("train", "-cn", "experiment/TINY_VAE/train")
    project.hydra("train", "-cn", "experiment/TINY_FLOW/train", "-m")
    project.hydra("embed", "-cn", "experiment/TINY_FLOW/embed", "-m")


def test_both_front_doors_make_the_same_products(done: Project) -> None:
    for root in ("runs", "data"):
        made = {path.name for path in (done.folder / root / "TINY" / "FLOW").iterdir()}
        assert made >= {"ckpts", "embeddings", "metrics", "multiruns"}
        assert (done.folder / root / "TINY" / "rgdigit.zarr" / ".zmetadata").is_file()
        assert len(list((done.folder / root).glob("TINY/FLOW/ckpts/*.ckpt"))) == 4
        assert len(list((done.folder / root).glob("TINY/FLOW/embeddings/*.zarr"))) == 4


def test_info_files_say_what_each_checkpoint_was_made_from(done: Project) -> None:
    for root in ("runs", "data"):
        infos = done.infos(f"{root}/TINY/FLOW/ckpts")
        assert set(infos) == SWEEP
        for (drop, _), info in infos.items():
            assert list(info)[: len(FIELDS)] == list(FIELDS)
            assert info["param"] == "x_ds.drop_variables"
            assert yaml.safe_load(info["val"]) == list(drop)
            assert info["description"] == ("Drop the colour" if drop == ("r", "g", "b") else "Drop b, angle and scale")
            assert Path(info["model_fp"]).is_file()
            assert Path(info["vae_fp"]).is_file()
        assert sorted(info["job_num"] for info in infos.values()) == [0, 1, 2, 3]


def test_both_front_doors_give_the_same_numbers(done: Project) -> None:
    """To the last bit: losses, weights, embeddings."""
    ours, theirs = (done.infos(f"{root}/TINY/FLOW/ckpts") for root in ("runs", "data"))
    for key in SWEEP:
        assert {name: ours[key][name] for name in ("val_loss", "test_loss", "epoch")} == {
            name: theirs[key][name] for name in ("val_loss", "test_loss", "epoch")
        }
        weights = [
            torch.load(each[key]["model_fp"], map_location="cpu", weights_only=False)["state_dict"]
            for each in (ours, theirs)
        ]
        assert weights[0].keys() == weights[1].keys()
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    for key in SWEEP:
        pair = [embedded(done, root, key) for root in ("runs", "data")]
        assert pair[0].sample.equals(pair[1].sample)
        for name in ("z", "u", "log_prob", "u_marginal", "log_prob_marginal"):
            np.testing.assert_array_equal(pair[0][name], pair[1][name])


def embedded(project: Project, root: str, key: Any) -> Any:
    """The embeddings of one job."""
    for path in (project.folder / root).glob("TINY/FLOW/embeddings/*_info.yaml"):
        info = yaml.safe_load(path.read_text())
        if (tuple(info["drop_variables"]), info["seed"]) == key:
            return open_embeddings(path.with_name(path.name.replace("_info.yaml", ".zarr")))
    raise AssertionError(key)


def test_every_embedding_is_of_the_vae_that_its_info_names(done: Project) -> None:
    (vae,) = (done.folder / "runs/TINY/VAE/ckpts").glob("*.ckpt")
    for info in done.infos("runs/TINY/FLOW/embeddings").values():
        assert Path(info["vae_fp"]).samefile(vae)
        stored = torch.load(info["model_fp"], map_location="cpu", weights_only=False)["state_dict"]
        encoder = torch.load(vae, map_location="cpu", weights_only=False)["state_dict"]
        shared = [name for name in encoder if name.startswith("vae.")]
        assert shared
        assert all(torch.equal(stored[name], encoder[name]) for name in shared)


def test_the_page_says_what_was_found(done: Project) -> None:
    folder = done.folder / "runs/TINY/FLOW"
    text = (folder / "page.md").read_text(encoding="utf-8")
    for said in (
        *("Drop the colour", "Drop b, angle and scale", "R²", "Benjamini–Hochberg", "AUROC", "Mahalanobis"),
        *("isolation forest", "random", "## Factors in u", "## Is u standard normal?", "## Active learning"),
    ):
        assert said in text, said
    figures = re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", text)
    assert [name for _, name in figures] == [f"figures/{name}.png" for name in ("scores", "detection", "learning")]
    assert all(len(words) > 10 and (folder / name).is_file() for words, name in figures)


def test_the_report_has_the_page_and_the_figures_once(done: Project) -> None:
    done.quadrat("report", "wwdc", "experiment=TINY_FLOW", "-o", "report.html")
    text = (done.folder / "report.html").read_text(encoding="utf-8")
    parts = sections(text)
    assert list(parts) == ["Flows on the latents of a VAE", "Each sweep", "The VAE"]
    assert [part.count("<img") for part in parts.values()] == [3, 8, 2]
    assert "drop_variables=" in parts["Each sweep"]
    page = Page(text)
    assert all(address.startswith("data:") for address in page.all("img", "src"))  # nothing outside is needed
    assert all(len(words) >= 10 for words in Page("".join(parts.values())).all("img", "alt"))
    assert not re.search(r"<h3>Images</h3>", text)


def test_results_and_tables(done: Project) -> None:
    said = done.quadrat(
        "results", "wwdc", "stat_test", "experiment=TINY_FLOW", "--over", "flow.seed", "--format", "csv"
    )
    rows = list(csv.DictReader(io.StringIO(said)))
    assert len(rows) == 2
    assert all(row["n"] == "2" and "rejected_avg" in row for row in rows)


def test_a_second_run_has_nothing_to_do(done: Project) -> None:
    assert "nothing to run" in done.quadrat("plan", "wwdc", "experiment=TINY_FLOW")


def test_sweeps_by_joblib(done: Project) -> None:
    """Its ids count jobs from 0: products are named by the time of the launch too, and overwrite nothing."""
    before = set((done.folder / "data/TINY/FLOW/ckpts").glob("*.ckpt"))
    options = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "+trainer.limit_train_batches=1"]
    done.hydra("train", "-cn", "experiment/TINY_FLOW/train", "-m", *options)
    after = set((done.folder / "data/TINY/FLOW/ckpts").glob("*.ckpt"))
    assert len(after - before) == 4
    assert before < after


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("train", ["-m"], r"^error: -cn: no experiment is named"),
        ("train", ["-cn", "experiment/TINY_FLO/train"], r"did you mean 'experiment/TINY_FLOW/train'\?"),
        ("train", ["-cn", "experiment/TINY_FLOW/train", "+data.x_ds.drop_variables=[angel,b,g]"], r"no factor 'angel'"),
        (
            "train",
            ["-cn", "experiment/TINY_FLOW/train", "+data.x_ds.drop_variables=[r,g,b]"],
            (
                r"error: lightning_loader.vae_ckpt_path: .*no checkpoint of a VAE\n"
                r"  run: python -m quadrat_studies.wwdc.train -cn experiment/TINY_VAE/train"
            ),
        ),
        (
            "embed",
            ["-cn", "experiment/TINY_FLOW/embed", "+data.x_ds.drop_variables=[r,g,b]"],
            (
                r"no checkpoint of a flow that was not told r, g, b, seed 42\n"
                r"  run: python -m quadrat_studies.wwdc.train -cn experiment/TINY_FLOW/train -m"
            ),
        ),
    ],
)
def test_mistakes_of_users_of_hydra(tmp_path: Path, module: str, arguments: list[str], message: str) -> None:
    said = Project(tmp_path).hydra(module, *arguments, code=2)
    assert re.search(message, said, re.MULTILINE), said
    assert "Traceback" not in said


def test_data_root_has_to_be_set(tmp_path: Path) -> None:
    project = Project(tmp_path)
    del project.environment["DATA_ROOT"]
    said = project.hydra("train", "-cn", "experiment/TINY_VAE/train", code=2)
    assert "DATA_ROOT" in said
    assert "export DATA_ROOT=…" in said


LONG = TRAINER.replace("max_epochs: 3", "max_epochs: 15")


def longer(folder: Path) -> Project:
    """A project whose trainings last long enough to be killed in."""
    project = Project(folder, images=300)
    for kind, text in (
        ("FLOW", (project.folder / "conf/experiment/TINY_FLOW/model.yaml").read_text()),
        ("VAE", OF_VAE),
    ):
        model = text.partition("model_checkpoint:")[0]
        project.write(f"experiment/TINY_{kind}/model.yaml", model + (LONG if kind == "FLOW" else TRAINER))
    return project


def losses(project: Project) -> dict[Any, list[dict[str, str]]]:
    """The curve of every flow, by what it was not told and its seed."""
    found = {}
    for key, info in project.infos("runs/TINY/FLOW/ckpts").items():
        (metrics,) = (project.folder / "runs/TINY/FLOW/metrics" / info["job_id"]).rglob("metrics.csv")
        found[key] = list(csv.DictReader(io.StringIO(metrics.read_text())))
    return found


def test_a_kill_during_the_flows_loses_nothing(tmp_path: Path) -> None:
    """The flow of one sweep is finished, that of the other is in the middle: SIGKILL, and the same command."""
    project = longer(tmp_path / "killed")
    command = ["run", "wwdc", "experiment=TINY_FLOW", "overrides=['seed=42']", "--to", "flow", "-j", "1"]
    line = [sys.executable, "-m", "quadrat", *command]
    pipe = subprocess.DEVNULL
    running = subprocess.Popen(
        line, cwd=project.folder, env=project.environment, stdout=pipe, stderr=pipe, start_new_session=True
    )
    store = project.folder / "runs"
    wait_until(lambda: len(seen(store, "TINY/FLOW/ckpts/*.ckpt")) == 1, 120)
    wait_until(lambda: seen(store, ".quadrat/**/last.ckpt"), 60)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    finished = {path: path.resolve().stat().st_mtime_ns for path in store.glob("TINY/FLOW/ckpts/*.ckpt")}
    assert len(finished) == 1
    said = project.quadrat(*command)
    assert "1 of 1 run finished" in said
    assert {path: path.resolve().stat().st_mtime_ns for path in finished} == finished
    whole = longer(tmp_path / "whole")
    whole.quadrat(*command)
    assert set(losses(project)) == {(drop, seed) for drop, seed in SWEEP if seed == 42}
    assert losses(project) == losses(whole)

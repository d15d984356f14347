"""The export against the real signac."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import signac

from quadrat import BadInput
from quadrat.querying import export_signac, frame, leaf_task
from quadrat.results.signac import Job, export, nested
from quadrat.session import Session

Open = Callable[..., Session]


def test_signac_opens_it_and_finds_runs_by_their_parameters(tiny: Open, tmp_path: Path) -> None:
    name, done = export_signac(tiny(), tmp_path / "out")
    assert name == "test"
    assert (done.jobs, done.new) == (13, 13)
    project = signac.get_project(str(tmp_path / "out"))
    assert len(project) == 13
    found = list(project.find_jobs({"seed": 2, "sampler.name": "sgld", "noise": 0.5}))
    assert len(found) == 1
    job = found[0]
    assert dict(job.sp.sampler) == {"name": "sgld", "step": 0.5}
    assert list(job.sp.layers) == [2, 3]
    row = frame(tiny(), "test", where=["seed=2", "name=sgld", "noise=0.5"]).to_dicts()[0]
    assert job.document.runs.test == row["run"]
    assert job.document["val_acc"] == row["val_acc"]
    assert job.document.train.loss == row["train.loss"]
    assert job.document.test.loss == row["test.loss"]
    assert list(job.document.labels.experiment) == ["all"]
    assert len(project.find_jobs({"doc.robust": True})) == len(
        frame(tiny(), "test", where=["robust=true"]).unique("run")
    )


def test_artifacts_of_the_chain_are_links_with_the_task_in_front_where_names_meet(tiny: Open, tmp_path: Path) -> None:
    _, done = export_signac(tiny(), tmp_path / "out")
    assert (done.linked, done.copied, done.lost) == (12 * 2 + 1, 0, [])
    project = signac.get_project(str(tmp_path / "out"))
    job = next(iter(project.find_jobs({"seed": 3, "noise": 0.5})))
    assert Path(job.fn("train_weights.txt")).read_text() == "3"
    assert Path(job.fn("test_weights.txt")).read_text() == "read"
    store = tiny().store
    record = store.newest(job.document.runs.train)
    assert record is not None
    assert Path(job.fn("train_weights.txt")).samefile(store.folder(record) / "weights.txt")


def test_a_run_without_its_conditional_upstream_has_nulls(tiny: Open, tmp_path: Path) -> None:
    export_signac(tiny(), tmp_path / "out")
    job = next(iter(signac.get_project(str(tmp_path / "out")).find_jobs({"status": "init"})))
    assert job.sp.seed is None
    assert sorted(job.document.runs) == ["data", "test"]


def test_again_adds_only_what_is_new_and_keeps_what_others_wrote(tiny: Open, tmp_path: Path) -> None:
    export_signac(tiny("seed=1"), tmp_path / "out")
    project = signac.get_project(str(tmp_path / "out"))
    job = next(iter(project.find_jobs({"noise": 0.5})))
    job.document["checked"] = "by hand"
    _, done = export_signac(tiny(), tmp_path / "out")
    assert (done.jobs, done.new) == (13, 8)
    _, again = export_signac(tiny(), tmp_path / "out")
    assert (again.jobs, again.new, again.linked, again.copied) == (13, 0, 0, 0)
    job = signac.get_project(str(tmp_path / "out")).open_job(id=job.id)
    assert job.document["checked"] == "by hand"


def test_copies_share_nothing(tiny: Open, tmp_path: Path) -> None:
    _, linked = export_signac(tiny(), tmp_path / "out", task="train")
    _, copied = export_signac(tiny(), tmp_path / "out", task="train", copy=True)
    assert (linked.linked, copied.copied) == (6, 6)
    job = next(iter(signac.get_project(str(tmp_path / "out")).find_jobs({"seed": 1})))
    assert Path(job.fn("weights.txt")).stat().st_nlink == 1
    _, again = export_signac(tiny(), tmp_path / "out", task="train", copy=True)
    assert again.copied == 0


def test_the_task_is_the_end_of_the_longest_chain_without_gathers(tiny: Open) -> None:
    assert leaf_task(tiny().study) == "test"


def test_what_cannot_be_exported_is_said(tiny: Open, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown task 'tset'"):
        export_signac(tiny(), tmp_path / "out", task="tset")
    with pytest.raises(BadInput, match="no run of 'test' is finished"):
        export_signac(tiny("seed=9", "noises=[7.0]"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        export_signac(tiny(), tmp_path / "file")


def test_two_runs_of_one_state_point_are_refused(tmp_path: Path) -> None:
    jobs = [Job("a" * 32, {"x": 1}, {}), Job("b" * 32, {"x": 1}, {})]
    with pytest.raises(BadInput, match="equal parameters"):
        export(jobs, tmp_path)


def test_lost_artifacts_are_counted(tmp_path: Path) -> None:
    done = export([Job("a" * 32, {"x": 1}, {}, [("train", "w.pt", tmp_path / "gone")])], tmp_path / "out")
    assert done.lost == [tmp_path / "gone"]


def test_dotted_names_nest() -> None:
    assert nested({"train.seed": 1, "test.seed": 2, "lr": 3}) == {"train": {"seed": 1}, "test": {"seed": 2}, "lr": 3}

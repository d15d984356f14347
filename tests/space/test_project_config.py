"""What a study's users keep in their working folder: a configuration of their own, settings by their own names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from quadrat.core.errors import DeclarationError
from quadrat.session import Request, Session, open_session
from quadrat.templating import make_study
from studying import column, plan, runs, session, write_study

STUDY = """
study = qd.Study("s", project_config="config/experiments.yaml", settings_as={"store_root": "store"})

@study.space
def space(targets: list[dict] = [{"name": "a"}], table: dict[str, Any] = {}) -> dict[str, qd.Space]:
    return {"train": qd.grid(name=[one["name"] for one in targets])}

@study.task
def train(name: str = "", lr: float = 0.1, seed: int = 0) -> dict: ...
"""
CONFIG = "lr: 0.5\ntable: {below: 1, both: 1}\ntargets: [{name: b}, {name: c}, {name: d}]\n"
PROJECT = "lr: 0.25\ntable: {both: 2, above: 2}\ntargets:\n  - name: e\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUADRAT_STORE", raising=False)
    (tmp_path / "package").mkdir()
    (tmp_path / "config").mkdir()
    return write_study(tmp_path / "package", STUDY, config=CONFIG)


def project(text: str) -> None:
    Path("config/experiments.yaml").write_text(text, encoding="utf-8")


def opened(file: Path, *overrides: str, store: str | None = None) -> Session:
    return open_session(str(file), store, Request(overrides=overrides))


def test_without_the_file_the_study_is_as_it_is(file: Path) -> None:
    assert column(plan(file), "train", "name") == ["b", "c", "d"]
    assert column(plan(file), "train", "lr") == [0.5] * 3


def test_it_goes_on_top_of_the_studys_own_and_below_what_is_said(file: Path) -> None:
    project(PROJECT)
    assert column(plan(file), "train", "name") == ["e"]  # lists are replaced, mappings merged
    assert session(file).expansion.request.settings["table"] == {"below": 1, "both": 2, "above": 2}
    assert column(plan(file), "train", "lr") == [0.25]
    Path("more.yaml").write_text("lr: 0.125\n", encoding="utf-8")
    assert column(plan(file, config_files=(Path("more.yaml"),)), "train", "lr") == [0.125]
    assert column(plan(file, "lr=1", config_files=(Path("more.yaml"),)), "train", "lr") == [1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr: 1\nlrr: 1\n", "config/experiments.yaml:2: unknown parameter 'lrr'\n  did you mean 'lr'?"),
        ("lr: x\n", "config/experiments.yaml:1: parameter 'train.lr': should be a valid number, not 'x' (str)"),
        ("lr: [1\n", "config/experiments.yaml:2:1: this is no YAML: "),
        ("- lr\n", "config/experiments.yaml:1: the file holds a list\n"),
        ("store_rot: x\n", "config/experiments.yaml:1: unknown parameter 'store_rot'\n  did you mean 'store_root'?"),
        ("store_root: 3\n", "config/experiments.yaml:1: setting 'store': should be a valid string, not 3 (int)"),
        (
            "store: a\nstore_root: b\n",
            (
                "config/experiments.yaml:2: setting 'store' is set twice, by two of its names\n"
                "  the other one is at config/experiments.yaml:1"
            ),
        ),
    ],
)
def test_mistakes_are_told_with_the_place_as_the_user_knows_it(file: Path, text: str, message: str) -> None:
    project(text)
    with pytest.raises(qd.BadInput) as refused:
        opened(file).plan()
    assert str(refused.value).startswith(message)


def test_the_store_is_where_the_nearest_says(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    assert opened(file).store.root == here / "runs"
    project("store_root: kept\n")
    assert opened(file).store.root == here / "kept"
    assert opened(file, "store_root=said").store.root == here / "said"
    assert opened(file, "store=said").store.root == here / "said"
    monkeypatch.setenv("QUADRAT_STORE", "given")
    assert opened(file).store.root == here / "given"
    assert opened(file, store="asked").store.root == here / "asked"


def test_the_store_may_be_said_by_the_environment_and_the_home(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRATCH", "/scratch")
    monkeypatch.setenv("HOME", "/home/me")
    project("store_root: ${oc.env:SCRATCH}/kept\n")
    assert opened(file).store.root == Path("/scratch/kept")
    project("store: ~/kept\n")
    assert opened(file).store.root == Path("/home/me/kept")


def test_the_store_is_in_no_id(file: Path) -> None:
    before = opened(file).plan()
    project("store_root: kept\n")
    assert opened(file).plan().tasks["train"].ids == before.tasks["train"].ids


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"root": "stor"}, "unknown setting of Quadrat 'stor' in settings_as\n  did you mean 'store'?"),
        ({"jobs": "store"}, "settings_as gives 'store' the name of another setting, 'jobs'"),
    ],
)
def test_names_of_settings_are_checked(names: dict[str, str], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        plan(qd.Study("s", settings_as=names))
    assert message in str(refused.value)


def test_a_projects_file_is_found_from_the_working_folder(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="a path from the working folder"):
        qd.Study("s", project_config=str(tmp_path / "experiments.yaml"))


def test_there_may_be_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = qd.Study("s", project_config=["a.yaml", "b.yaml", "c.yaml"])

    @study.task
    def train(lr: float = 0.1, size: int = 1) -> dict[str, Any]: ...

    Path("c.yaml").write_text("lr: 0.5\n", encoding="utf-8")
    Path("a.yaml").write_text("lr: 0.25\nsize: 2\n", encoding="utf-8")
    assert column(plan(study), "train", "lr") == [0.5]
    assert column(plan(study), "train", "size") == [2]


def test_a_parameter_goes_before_a_setting_of_its_name() -> None:
    other = qd.Study("s", settings_as={"root": "store"})

    @other.task
    def train(root: str = "", seed: int = 0) -> dict[str, Any]: ...

    made = session(other, "root=a,b")
    assert runs(made.plan()) == {"train": 2}
    assert made.settings.store is None


def test_a_copy_of_a_study_reads_the_same_file(file: Path) -> None:
    (file.parent / "__init__.py").write_text("", encoding="utf-8")
    copy = make_study("other", Path.cwd(), f"{file.parent}/")
    project(PROJECT)
    assert column(plan(copy / "study.py"), "train", "name") == ["e"]

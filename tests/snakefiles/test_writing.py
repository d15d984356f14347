"""What `quadrat snakefile` writes, pinned in files that a reviewer can read, and when it refuses to.

`UPDATE_GOLDEN=1 pytest tests/snakefiles/test_writing.py` writes the files anew; the diff is the review.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import quadrat as qd
from quadrat.core.errors import BadInput
from quadrat.session import Request, open_session
from quadrat.snakefiles.writing import docstring, literal, place_of, render, write
from studying import write_study

HERE = Path(__file__).parent / "mnist_fgsm"


def golden(name: str, text: str) -> None:
    """Compare with the file, or write it."""
    file = HERE / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def session(study: str | Path, *overrides: str):
    return open_session(str(study), "no-store", Request(overrides))


def test_what_is_written_for_mnist_fgsm(tmp_path: Path) -> None:
    opened = session("mnist_fgsm")
    written = write(opened, place_of(opened, tmp_path, None))
    assert all(written.values())
    assert str((tmp_path / "slurm").readlink()) == "profiles/slurm"
    for path in written.keys() - {tmp_path / "slurm"}:
        golden(str(path.relative_to(tmp_path)), path.read_text(encoding="utf-8"))
    assert os.access(tmp_path / "cluster" / "snakecharm.sh", os.X_OK)


def test_a_snakefile_with_chunks() -> None:
    opened = session("mnist_fgsm", "dataset=mnist")
    golden("chunked.smk", render(opened, place_of(opened, Path("here"), Path("/data/runs"), 20)))


def test_nothing_is_written_over_unasked(tmp_path: Path) -> None:
    opened = session("mnist_fgsm")
    place = place_of(opened, tmp_path, None)
    write(opened, place)
    assert not any(write(opened, place).values())  # nothing new
    (tmp_path / "Snakefile").write_text("mine")
    with pytest.raises(BadInput, match="says something else"):
        write(opened, place)
    (tmp_path / "profiles" / "slurm" / "config.yaml").write_text("mine too")
    write(opened, place, force=True)
    assert "mine" not in (tmp_path / "Snakefile").read_text()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_users_own_profile_is_kept(tmp_path: Path, kind: str) -> None:
    opened = session("mnist_fgsm")
    place = place_of(opened, tmp_path, None)
    short = tmp_path / "slurm"
    if kind == "link":
        short.symlink_to("elsewhere")
    elif kind == "file":
        short.write_text("executor: slurm")
    else:
        short.mkdir()
    assert write(opened, place)[short] is False
    write(opened, place, force=True)
    assert short.is_symlink() == (kind != "folder")  # a folder may hold anything
    if kind != "folder":
        assert str(short.readlink()) == "profiles/slurm"


def test_the_projects_configuration_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = write_study(
        tmp_path,
        """
        study = qd.Study("own", project_config="own.yaml")
        @study.task
        def make(seed: int = 0) -> dict: ...
        """,
    )
    monkeypatch.chdir(tmp_path)
    assert place_of(session(study), Path("sweep"), None).config_files == ()
    (tmp_path / "own.yaml").write_text("seed: 3\n")
    assert place_of(session(study), Path(), None).config_files == ()  # Snakemake will find it itself
    assert place_of(session(study), Path("sweep"), None).config_files == (str(tmp_path / "own.yaml"),)


def test_paths_are_as_from_the_snakefile(tmp_path: Path) -> None:
    folder = tmp_path / "sweeps"
    study = write_study(
        tmp_path,
        """
        study = qd.Study("deep")
        @study.task
        def make(seed: int = 0) -> dict: ...
        """,
    )
    opened = session(study)
    assert place_of(opened, tmp_path, None).study == "study.py"
    assert place_of(opened, folder, None).study == str(study)
    assert place_of(opened, folder, folder / "kept" / "runs").store == "kept/runs"
    assert place_of(opened, folder, folder).store == "."
    assert '"make/{point}.json"' in render(opened, place_of(opened, folder, folder))
    with pytest.raises(BadInput, match="braces"):
        place_of(opened, folder, tmp_path / "{x}")


def test_rules_and_targets_have_names_of_their_own(tmp_path: Path) -> None:
    study = write_study(
        tmp_path,
        """
        study = qd.Study("named")
        @study.task(rule="train_model", memory="1GB", walltime="90s", gpus=0.5, cpus=3)
        def train(count: int = 0) -> dict:
            '''Says "so".'''
        @study.task(name="look-at")
        def look(train: qd.Done[Any, Any]) -> dict: ...
        study.part("all_experiments", look)
        study.part("train_model", train)
        study.part("a part!", train, look)
        """,
    )
    opened = session(study)
    text = render(opened, place_of(opened, tmp_path, None))
    assert '''rule train_model:\n    """Says "so"."""''' in text
    assert "threads: 3\n    resources:\n        mem_mb=1500,\n        runtime=2,\n        gpu=1,\n" in text
    rules = [line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("rule ")]
    targets = ["all_experiments", "part_train_model", "a_part_", "all_train_model", "all_look_at"]
    assert rules == ["all", "train_model", "look_at", *targets, "matching"]
    assert 'sweep.names("train_model", "look_at")' in text


def test_a_rule_of_a_name_that_is_taken(tmp_path: Path) -> None:
    study = write_study(
        tmp_path,
        """
        study = qd.Study("taken")
        @study.task
        def chunk(seed: int = 0) -> dict: ...
        """,
    )
    opened = session(study)
    with pytest.raises(BadInput, match="the rule of task 'chunk' would have the name 'chunk', which is taken"):
        render(opened, place_of(opened, tmp_path, None))


def test_a_rule_name_is_a_word() -> None:
    study = qd.Study("words")
    with pytest.raises(qd.BadInput, match="'train model' is no name for a rule"):

        @study.task(rule="train model")
        def train(seed: int = 0) -> dict: ...


@pytest.mark.parametrize(
    "text", ['Says "so".', 'Ends in "quotes"', 'Has """ in it', "A \\ and \\n", "Two\n\n    lines."]
)
def test_docstrings_are_what_the_tasks_say(text: str) -> None:
    assert eval(docstring(text).strip()).strip() == text.replace("\n    ", "\n        ")


def test_literals() -> None:
    assert literal('a "b" ε') == '"a \\"b\\" ε"'
    assert literal(["a", 'b"']) == '["a", "b\\""]'
    assert literal(3) == "3"

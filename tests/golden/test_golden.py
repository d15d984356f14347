"""What people read, pinned in files that a reviewer can read: plans, graphs, and every error of bad input.

`UPDATE_GOLDEN=1 pytest tests/golden` writes the files anew; the diff is the review.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from golden.bad_input import CASES, STUDY, Case
from quadrat.cli.main import main

HERE = Path(__file__).parent


def quadrat(*args: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """The exit code, the answer and the words beside it of a command, in this process."""
    monkeypatch.setattr(sys, "argv", ["quadrat", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def check(name: str, text: str) -> None:
    """Compare with the file, or write it."""
    file = HERE / name
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("plan_tree.txt", ["plan", "mnist_fgsm"]),
        ("plan_list.json", ["plan", "mnist_fgsm", "seed=1,2", "num_epochs=1", "dropout_prob=0.1", "--list", "--json"]),
        ("dag.mmd", ["dag", "mnist_fgsm", "--format", "mermaid"]),
        ("dag.dot", ["dag", "mnist_fgsm", "--format", "dot"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.usefixtures("in_tmp")
def test_answers(
    name: str, args: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = quadrat(*args, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, err) == (0, "")
    check(name, out)
    assert not Path("runs").exists()


def told(case: Case, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The case and what the command line says of it."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, text in case.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    code, out, err = quadrat(*case.command, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, out) == (2, ""), (case, out, err)
    after = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if "__pycache__" not in file.parts}
    assert {file: after[file] for file in after if file.is_file()} == before, "something was written"
    said = err.replace(f"{folder}/", "")
    shown = "".join(
        f"  {name} | {line}\n"
        for name, text in case.files.items()
        if text != STUDY
        for line in text.strip("\n").splitlines()
    )
    return f"{shown}  $ quadrat {' '.join(case.command)}\n{said}"


def test_every_error_of_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [f"The study, where a case has no other:\n\n{STUDY}"]
    for heading, cases in CASES.items():
        parts.append(f"{'─' * 20} {heading}\n")
        for number, case in enumerate(cases):
            parts.append(told(case, tmp_path / f"{heading.replace(' ', '_')}_{number}", capsys, monkeypatch))
    check("errors.txt", "\n".join(parts))

"""Finding a study by name, file and folder; and what is said of one that does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import quadrat as qd
from quadrat.core.loading import find_study, heavy_line
from quadrat.session import in_memory, open_session
from studying import plan, runs, write_study

STUDY = """
study = qd.Study("s")

@study.task
def train(lr: float = 0.1) -> dict: ...
"""


def refusal(name: str | Path) -> qd.BadInput:
    with pytest.raises(qd.BadInput) as refused:
        find_study(str(name))
    assert refused.value.exit_code == 2
    return refused.value


def test_by_file_and_by_folder(hostile_path: Path) -> None:
    file = write_study(hostile_path, STUDY)
    assert runs(plan(file)) == {"train": 1}
    assert find_study(str(hostile_path)).study is find_study(str(file)).study


def test_by_the_name_of_an_installed_study() -> None:
    assert find_study("mnist_fgsm").study.name == "mnist_fgsm"
    assert refusal("mnist_fgms").hint == "did you mean 'mnist_fgsm'?"


def test_a_study_uses_the_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("RATES = [1.0, 2.0]\n")
    file = write_study(
        tmp_path,
        "from beside_it import RATES\nstudy = qd.Study('s')\n"
        "@study.space\ndef space() -> dict: return {'train': qd.grid(lr=RATES)}\n"
        "@study.task\ndef train(lr: float = 0.1) -> dict: ...\n",
    )
    assert runs(plan(file)) == {"train": 2}


def test_a_study_in_a_package_imports_its_modules_relatively(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "rates.py").write_text("RATES = [1.0, 2.0, 3.0]\n")
    file = write_study(
        tmp_path,
        "from .rates import RATES\nstudy = qd.Study('s')\n"
        "@study.space\ndef space() -> dict: return {'train': qd.grid(lr=RATES)}\n"
        "@study.task\ndef train(lr: float = 0.1) -> dict: ...\n",
    )
    assert runs(plan(file)) == {"train": 3}


def test_what_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.py").message == f"there is no study at '{tmp_path / 'none.py'}'"
    assert refusal(f"{tmp_path}/").message == f"there is no study at '{tmp_path / 'study.py'}'"


def test_no_study_in_a_file_and_two(tmp_path: Path) -> None:
    assert "has no study" in refusal(write_study(tmp_path, "x = 1\n")).message
    (tmp_path / "more").mkdir()
    two = write_study(tmp_path / "more", "one = qd.Study('one')\ntwo = qd.Study('two')\n")
    assert "has 2 studies: one, two" in refusal(two).message


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("import nonsense_module\n", 4, "ModuleNotFoundError: No module named 'nonsense_module'"),
        ("def f():\n    return 1 / 0\nf()\n", 5, "ZeroDivisionError: division by zero"),
        ("def f(:\n    pass\n", 4, "SyntaxError: invalid syntax"),
    ],
)
def test_a_file_that_does_not_import_is_told_by_the_users_own_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    file = write_study(tmp_path, text)
    error = refusal(file)
    assert error.where == f"{file}:{line}"
    assert error.message == f"the import of study '{file}' fails: {message}"
    assert error.hint == file.read_text().splitlines()[line - 1].strip()


def test_an_error_in_a_module_beside_it_is_told_there(tmp_path: Path) -> None:
    (tmp_path / "broken_beside.py").write_text("\n\nx = {}['a']\n")
    error = refusal(write_study(tmp_path, "import broken_beside\n"))
    assert error.where == f"{tmp_path / 'broken_beside.py'}:3"


def test_a_study_of_this_process_is_known_by_its_file_or_in_memory_alone() -> None:
    here = qd.Study("here")
    assert open_session(here).loaded.ref.target == __file__
    space: dict[str, object] = {"__name__": "__main__", "qd": qd}
    exec("study = qd.Study('cell')\n@study.task\ndef train(lr: float = 0.1) -> dict: ...\n", space)
    cell = space["study"]
    assert isinstance(cell, qd.Study)
    assert in_memory(open_session(cell).loaded.ref)
    assert runs(plan(cell, "lr=1,2")) == {"train": 2}


def test_the_line_that_makes_planning_slow_is_named(tmp_path: Path) -> None:
    file = write_study(tmp_path, "import collections, torch\n")
    study = qd.Study("slow")
    study.file = file
    assert heavy_line(study, ("torch",)) == f"{file}:4 imports torch"
    assert heavy_line(study, ()) is None
    assert heavy_line(study, ("jax",)) == f"{file} imports jax through another module"


def test_planning_imports_nothing_heavy(tmp_path: Path) -> None:
    file = write_study(tmp_path, STUDY)
    code = (
        "import sys; from quadrat.session import open_session; "
        f"open_session({str(file)!r}).plan(); "
        "heavy = {'torch', 'hydra', 'omegaconf', 'polars', 'pandas', 'matplotlib'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"

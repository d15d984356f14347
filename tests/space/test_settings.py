"""Settings: the typed arguments of a study's space function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from studying import column, plan, runs, session, write_study

STUDY = """
study = qd.Study("s")

@study.space
def space(
    sizes: list[int], seed: int = 1, names: str | list[str] = "a", table: dict[str, Any] = {}, folder: Path = Path("x")
) -> dict[str, qd.Space]:
    return {"train": qd.grid(size=sizes, seed=[seed])}

@study.task
def train(size: int = 0, seed: int = 0, lr: float = 0.1) -> dict: ...

@study.task
def test(train: qd.Done[Any, Any], lr: float = 0.1) -> dict: ...
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_study(tmp_path, "from pathlib import Path\n" + STUDY, config="sizes: [1, 2]\n")


def settings(file: Path, *overrides: str) -> dict[str, Any]:
    return session(file, *overrides).expansion.request.settings


def test_settings_come_from_the_configuration_and_the_command_line(file: Path) -> None:
    assert settings(file) == {"sizes": [1, 2], "seed": 1, "names": "a", "table": {}, "folder": Path("x")}
    assert settings(file, "sizes=3,4,5", "folder=y/z")["sizes"] == [3, 4, 5]
    assert runs(plan(file, "sizes=[3,4,5]")) == {"train": 3, "test": 3}


def test_one_value_stands_for_a_list_of_one(file: Path) -> None:
    assert settings(file, "sizes=3")["sizes"] == [3]
    assert settings(file, "names=b")["names"] == "b"
    assert settings(file, "names=b,c")["names"] == ["b", "c"]


def test_a_setting_is_changed_inside(file: Path) -> None:
    write_study(file.parent, "from pathlib import Path\n" + STUDY, config="sizes: [1]\ntable: {a: {b: 1, c: 2}}\n")
    assert settings(file, "table.a.b=5", "table.d=x")["table"] == {"a": {"b": 5, "c": 2}, "d": "x"}


def test_for_a_bare_name_the_setting_goes_before_the_parameter(file: Path) -> None:
    assert column(plan(file, "seed=7"), "train", "seed") == [7, 7]
    assert settings(file, "seed=7")["seed"] == 7
    # The parameter keeps its full name; here the space function sets it, as an axis that can be replaced.
    made = plan(file, "train.seed=7,8")
    assert column(made, "train", "seed") == [7, 8, 7, 8]
    # A query knows parameters only: settings have one value.
    assert runs(plan(file, "train.seed=7,8", where=("seed=7",))) == {"train": 2, "test": 2}


def test_interpolation_sees_settings(file: Path) -> None:
    text = "sizes: [1]\nseed: 4\ntable: {s: '${seed}'}\ntest: {lr: '${seed}'}\n"
    write_study(file.parent, "from pathlib import Path\n" + STUDY, config=text)
    assert settings(file)["table"] == {"s": 4}
    assert column(plan(file), "test", "lr") == [4.0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("sizes=x",), "command line: sizes=x: setting 'sizes.0': should be a valid integer, not 'x' (str)"),
        (("seed=1,2",), "command line: seed=1,2: setting 'seed': should be a valid integer, not [1, 2] (list)"),
        (("sizess=3",), "command line: sizess=3: unknown parameter 'sizess'\n  did you mean 'sizes'?"),
        (("~sizes",), "setting 'sizes' has no value\n  write sizes=… or set it in a file"),
    ],
)
def test_what_is_refused(file: Path, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(qd.BadInput) as refused:
        plan(file, *overrides)
    assert str(refused.value) == message


def test_an_axis_of_the_space_function_is_replaced(file: Path) -> None:
    assert column(plan(file, "size=3"), "train", "size") == [3]
    assert column(plan(file, "size=3,4,5"), "train", "size") == [3, 4, 5]


def test_a_setting_is_no_axis(file: Path) -> None:
    write_study(file.parent, "from pathlib import Path\n" + STUDY, config="sweep: {sizes: [1, 2]}\n")
    with pytest.raises(qd.BadInput, match="'sizes' is a setting, which is no axis\n  write sizes: outside of sweep:"):
        plan(file)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return {'trian': qd.grid()}", "unknown task 'trian'\n  did you mean 'train'?"),
        ("return {'train': [1]}", "the space of task 'train' is a list\n  make it of qd.grid(…), qd.points(…)"),
        ("return [1]", "the space is [1]\n  return {task: qd.grid(…)}"),
        ("return {'train': qd.grid(sizee=[1])}", "unknown parameter 'sizee'\n  did you mean 'size'?"),
        (
            "return {'test': qd.grid(size=[1])}",
            (
                "the space of task 'test' sets 'train.size', which is no parameter of it\n"
                "  put it into the space of 'train'"
            ),
        ),
        ("return {}['x']", "the space of study 's' fails: KeyError: 'x'\n  return {}['x']"),
    ],
)  # fmt: skip
def test_a_space_function_that_goes_wrong_is_told_by_its_line(tmp_path: Path, body: str, message: str) -> None:
    text = f"""
study = qd.Study("s")

@study.space
def space() -> dict[str, qd.Space]:
    {body}

@study.task
def train(size: int = 0) -> dict: ...

@study.task
def test(train: qd.Done[Any, Any], lr: float = 0.1) -> dict: ...
"""
    file = write_study(tmp_path, text)
    with pytest.raises(qd.BadInput) as refused:
        plan(file)
    where, _, told = str(refused.value).partition(": ")
    assert told == message
    assert where.rpartition(":")[0] == str(file)


def test_a_shared_parameter_is_set_for_all_its_tasks_or_for_none() -> None:
    class Seeded(qd.Params):
        seed: int = 0

    study = qd.Study("s")

    @study.space
    def space(both: bool = False) -> dict[str, qd.Space]:
        one = {"one": qd.grid(seed=[1, 2])}
        return {**one, "two": qd.grid(seed=[2, 3])} if both else one

    @study.task
    def one(params: Seeded) -> dict[str, float]: ...

    @study.task
    def two(params: Seeded, one: qd.Done[Seeded, Any]) -> dict[str, float]: ...

    with pytest.raises(
        qd.BadInput, match=r"'seed' is shared by the tasks one, two, but the space sets it for one only"
    ):
        plan(study)
    assert runs(plan(study, "both=true")) == {"one": 2, "two": 1}  # joined on the seed: only 2 is in both


def test_filtered_spaces_are_tested_by_the_names_that_the_study_wrote() -> None:
    study = qd.Study("s")

    @study.space
    def space() -> dict[str, qd.Space]:
        return {"one": qd.grid(a=[1, 2, 3], b=[1, 2, 3]).where(lambda point: point["a"] <= point["b"])}

    @study.task
    def one(a: int = 0, b: int = 0) -> dict[str, float]: ...

    assert runs(plan(study)) == {"one": 6}
    assert runs(plan(study, "a=2")) == {"one": 2}  # b is 2 or 3: the test goes on over the replaced axis


DEEP = """
PRESETS = {"wide": ("activation", "width")}
study = qd.Study("deep", project_config="experiments.yaml")

@study.space
def space(targets: list[dict] = [{"preset": "narrow"}], table: dict[str, Any] = {}) -> dict[str, qd.Space]:
    for number, target in enumerate(targets):
        if target["preset"] not in PRESETS:
            raise qd.BadInput(f"unknown preset '{target['preset']}'", where=f"targets.{number}.preset")
        for name in target.get("overrides", {}).get("model", {}):
            if name not in PRESETS[target["preset"]]:
                where = f"targets[{number}].overrides.model.{name}"
                raise qd.BadInput(f"'{name}' is no part of a model", where=where, hint="activation, width")
        if "width" not in target:
            raise qd.BadInput("a target has no width", where=f"targets.{number}.width")
    if table:
        raise qd.BadInput("too much", where="table.a.b" if "a" in table else "elsewhere.py:3")
    return {"train": qd.grid(size=[1])}

@study.task
def train(size: int = 0) -> dict: ...
"""


@pytest.mark.parametrize(
    ("config", "overrides", "message"),
    [
        ("", (), "study.py:8: targets[0].preset: unknown preset 'narrow'"),
        ("targets:\n  - preset: tall\n", (), "experiments.yaml:2: targets[0].preset: unknown preset 'tall'"),
        (
            (
                "targets:\n  - {preset: wide, width: 1}\n  - preset: wide\n    overrides:\n      model: {\n"
                "        activation: relu,\n        widht: 3}\n"
            ),
            (),
            "experiments.yaml:7: targets[1].overrides.model.widht: 'widht' is no part of a model\n  activation, width",
        ),
        (  # a key that is not there stands in the list of this file, whatever the list that it replaces had there
            "targets: [\n  {preset: wide}]\n",
            (),
            "experiments.yaml:2: targets[0].width: a target has no width",
        ),
        (
            "",
            ("targets=[{preset:tall}]",),
            "command line: targets=[{preset:tall}]: targets[0].preset: unknown preset 'tall'",
        ),
        (
            "targets: [{preset: wide, width: 1}]\ntable:\n  a:\n    b: 1\n",
            ("table.c=1",),
            "experiments.yaml:4: table.a.b: too much",
        ),
        ("targets: [{preset: wide, width: 1}]\n", ("table.a.b=1",), "command line: table.a.b=1: table.a.b: too much"),
        ("targets: [{preset: wide, width: 1}]\ntable: {c: 1}\n", (), "elsewhere.py:3: too much"),
        ("targets:\n  - {}\n  - 3\n", (), "experiments.yaml:3: setting 'targets.1': should be a mapping, not 3 (int)"),
    ],
)
def test_a_mistake_deep_in_a_setting_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, overrides: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    below = "" if config == "" else "targets:\n  - preset: wide\n    width: 2\n"
    deep = write_study(tmp_path, DEEP, config=below)
    if config:
        Path("experiments.yaml").write_text(config, encoding="utf-8")
    with pytest.raises(qd.BadInput) as refused:
        plan(deep, *overrides)
    assert str(refused.value).replace(f"{tmp_path}/", "").startswith(message)

"""Names that Snakemake knows runs by, and what its --config says."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from quadrat.core.errors import BadInput, ConfigError
from quadrat.snakefiles.calling import snakemake, with_patterns
from quadrat.snakefiles.naming import RuleSet, output_names, point_names
from quadrat.snakefiles.overriding import as_overrides
from studying import plan, write_study

STUDY = """
class Model(qd.Params):
    depth: int = 2
    width: Literal["thin", "wide"] = "wide"

class Training(qd.Params):
    model: Model = Model()
    data: str
    lr: float = 0.1
    layers: list[int] = [1]
    notes: Annotated[str, qd.off_id()] = ""
    seed: int = 0

class Trained(qd.Result):
    weights: qd.File
    log: qd.File
    extra: qd.File | None
    cache: qd.Temp

study = qd.Study("naming")

@study.task
def train(params: Training) -> Trained: ...

@study.task
def score(train: qd.Done[Training, Trained], noise: float = 0.0) -> dict: ...

@study.task
def mean(score: Annotated[qd.Many[Any, Any], qd.over("seed")]) -> dict: ...
"""


def names(folder: Path, task: str, *overrides: str) -> list[str]:
    return point_names(plan(write_study(folder, STUDY), *overrides), task)


def test_a_run_without_a_view_is_called_by_what_is_not_at_its_default(tmp_path: Path) -> None:
    assert names(tmp_path, "train", "data=mnist") == ["data=mnist"]
    assert names(tmp_path, "train", "data=mnist", "seed=0,1", "lr=0.1,1e-3") == [
        "data=mnist",
        "data=mnist+lr=0.001",
        "data=mnist+seed=1",
        "data=mnist+lr=0.001+seed=1",
    ]
    assert names(tmp_path, "score", "data=mnist", "model.depth=2,3", "model.width=thin", "noise=0.5") == [
        "model.width=thin+data=mnist+noise=0.5",
        "model.depth=3+model.width=thin+data=mnist+noise=0.5",
    ]
    # Parameters that leave the id alone are not in the name, nor what a gather goes over.
    assert names(tmp_path, "train", "data=mnist", "notes=hello") == ["data=mnist"]
    assert names(tmp_path, "mean", "data=mnist", "seed=1,2", "noise=0.0,0.5") == ["data=mnist", "data=mnist+noise=0.5"]
    assert names(tmp_path, "train", "data=mnist", "layers=[1,2]") == ["data=mnist+layers=1,2"]


@pytest.mark.parametrize("data", ["two words", "it's", "a{b}c", "a*", "x/y", "$HOME", "l" * 300, "a\nb"])
def test_a_name_that_a_shell_would_choke_on_is_the_id(tmp_path: Path, data: str) -> None:
    quoted = "'" + data.replace("'", "\\'") + "'"
    made = plan(write_study(tmp_path, STUDY), f"data={quoted}", "seed=1")
    assert point_names(made, "train") == [made.tasks["train"].ids[0].hex()[:16]]


def test_names_that_are_equal_are_told_apart_by_the_id(tmp_path: Path) -> None:
    found = names(tmp_path, "train", "data=mnist", "layers=[1,2],[[1,2]]".replace("[[1,2]]", "[12]"))
    assert found == ["data=mnist+layers=1,2", "data=mnist+layers=12"]
    (tmp_path / "same").mkdir()
    study = write_study(
        tmp_path / "same",
        """
        study = qd.Study("same")

        @study.space
        def space():
            return {"make": qd.grid(a=[1, 2]).label(kind="one") + qd.grid(a=[2, 3]).label(kind="two")}

        @study.task
        def make(a: int = 0) -> dict: ...

        @study.task
        def mean(make: Annotated[qd.Many[Any, Any], qd.over("a")]) -> dict: ...
        """,
    )
    made = plan(study)
    found = point_names(made, "mean")
    assert found == [f"default+{id.hex()[:12]}" for id in made.tasks["mean"].ids]
    assert len(set(found)) == 2


def patterns(tmp_path: Path, *views: str) -> list[tuple[str, str]]:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))  # a study is loaded once from each file
    made = plan(write_study(folder, STUDY + "".join(f"\nstudy.view({view})" for view in views)), "data=mnist")
    (rule,) = [one for one in RuleSet(made.study).rules if one.task.name == "train"]
    return [(output.pattern, output.artifact) for output in rule.outputs]


def test_patterns_are_views_that_every_run_has(tmp_path: Path) -> None:
    default = [("train/{point}.json", "")]
    assert patterns(tmp_path) == default
    assert patterns(tmp_path, '''train, "m/{data}_{seed:04d}_{id:.8}.pt", "weights"''') == [
        ("m/{data}_{seed}_{id}.pt", "weights")
    ]
    # Those of the first one's wildcards go together; what may be missing, or goes away, makes no output.
    both = '''train, "m/{seed}.pt", "weights"''', '''train, "l/{seed}.txt", "log"''', '''train, "l/{id}", "log"'''
    assert patterns(tmp_path, *both) == [("m/{seed}.pt", "weights"), ("l/{seed}.txt", "log")]
    assert patterns(tmp_path, '''train, "e/{seed}", "extra"''', '''train, "c/{seed}", "cache"''') == default
    assert patterns(tmp_path, '''train, "b/{{x}}{seed}", "log"''') == default
    assert patterns(tmp_path, '''train, "{seed}/{seed:02d}/{model.depth}_{id}", "log"''') == [
        ("{seed}/{seed_2}/{model_depth}_{id}", "log")
    ]


def test_a_view_whose_names_have_braces_is_none_for_snakemake(tmp_path: Path) -> None:
    made = plan(write_study(tmp_path, STUDY + '\nstudy.view(train, "m/{data}", "log")'), "data='{x}'")
    rules = RuleSet(made.study)
    with pytest.raises(BadInput, match=r"the name 'm/\{x\}', which has braces"):
        output_names(rules.rules[0], rules.views(made)["train"], 1)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("seed=0010", ["seed=0010"]),
        ("seed=1,2,3", ["seed=1,2,3"]),
        ("seed=[1, 0010, x]", ["seed=1,0010,x"]),
        ("seed=", ["seed=null"]),
        ("model={depth: [2, 3], width: thin}", ["model.depth=2,3", "model.width=thin"]),
        ("layers=[[1, 2], [3]]", ["layers=[1,2],[3]"]),
        ("targets=[{model: small, seed: 1}]", ["targets=[{model:small,seed:1}]"]),
        ("data=[a b, 'it''s', \"\"]", [r"data='a b','it\'s',''"]),
        ("model={}", ["model={}"]),
        ("model={depth:2, width=:thin}", ["model.depth=2", "model.width=thin"]),
        ("targets=0001", ["targets='0001'"]),
    ],
)
def test_config_as_overrides(entry: str, expected: list[str]) -> None:
    assert as_overrides([entry], lambda name: name != "targets") == expected


def test_a_list_that_does_not_parse() -> None:
    with pytest.raises(ConfigError, match="is no list and no mapping"):
        as_overrides(["seed=[1"], bool)


@pytest.mark.parametrize(
    ("arguments", "rest", "patterns"),
    [
        (["-j4", "all"], ["-j4", "all"], []),
        (["runs/*/x.json", "-j4"], ["matching", "-j4"], ["runs/*/x.json"]),
        (["-n", "--config", "seed=[1,2]", "a=*"], ["-n", "--config", "seed=[1,2]", "a=*"], []),
        (["runs/train/seed=?.json", "runs/[ab]"], ["matching"], ["runs/train/seed=?.json", "runs/[ab]"]),
        (["--set-resources", "a:mem_mb=f[0]"], ["--set-resources", "a:mem_mb=f[0]"], []),
    ],
)
def test_which_arguments_are_patterns(arguments: list[str], rest: list[str], patterns: list[str]) -> None:
    assert with_patterns(arguments) == (rest, patterns)


def test_without_snakemake_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match="Snakemake is not installed") as caught:
        snakemake()
    assert caught.value.hint == "pip install 'quadrat[snakemake]'"

"""From a configuration and overrides to points: sections, the sweep, axes that are replaced, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from studying import column, params, plan, runs, write_study

STUDY = """
study = qd.Study("s")

class Training(qd.Params):
    lr: float = 0.1
    seed: int = 0
    tags: list[int] = []
    model: dict[str, Any] = {}

class Attack(qd.Params):
    eps: float = 1.0
    steps: int = 1

@study.task
def train(params: Training) -> dict: ...

@study.task
def attack(params: Attack, train: qd.Done[Training, Any]) -> dict: ...
"""


def made(folder: Path, config: str, *overrides: str, **request: Any) -> list[dict[str, Any]]:
    """The params of the trainings of this configuration."""
    return params(plan(write_study(folder, STUDY, config=config), *overrides, **request), "train")


def refused(folder: Path, config: str, *overrides: str, **request: Any) -> str:
    """The error of this configuration, without the folder's name."""
    file = write_study(folder, STUDY, config=config)
    with pytest.raises(qd.BadInput) as error:
        plan(file, *overrides, **request)
    assert error.value.exit_code == 2
    return str(error.value).replace(f"{folder}/", "")


# ---- values for all points


def test_a_bare_name_a_dotted_one_and_a_section_mean_the_same(tmp_path: Path) -> None:
    found = [made(tmp_path, text) for text in ("lr: 0.2", "train.lr: 0.2", "train: {lr: 0.2}")]
    assert found[0] == found[1] == found[2] == [{"lr": 0.2, "seed": 0, "tags": []}]


def test_outside_the_sweep_a_list_is_a_value_and_a_tree_is_a_tree(tmp_path: Path) -> None:
    (point,) = made(tmp_path, "tags: [1, 2]\nmodel: {_target_: a.B, layers: [3, 4]}")
    assert point == {"lr": 0.1, "seed": 0, "tags": [1, 2], "model._target_": "a.B", "model.layers": [3, 4]}


def test_the_command_line_goes_before_a_file_on_top_and_that_before_the_configuration(tmp_path: Path) -> None:
    top = tmp_path / "top.yaml"
    top.write_text("lr: 0.3\nseed: 5\n")
    assert made(tmp_path, "lr: 0.2\nseed: 4\ntags: [1]", "lr=0.4", config_files=(top,)) == [
        {"lr": 0.4, "seed": 5, "tags": [1]}
    ]


def test_groups_of_the_configuration_are_chosen_on_the_command_line(tmp_path: Path) -> None:
    file = write_study(
        tmp_path,
        STUDY,
        config="defaults: [_self_, size: small]\n",
        size__small="# @package _global_\nseed: 1\n",
        size__large="# @package _global_\nseed: 2\n",
    )
    assert column(plan(file), "train", "seed") == [1]
    assert column(plan(file, "size=large"), "train", "seed") == [2]
    assert column(plan(file, "size=large", "seed=3"), "train", "seed") == [3]


# ---- the sweep


def test_a_mapping_is_a_product(tmp_path: Path) -> None:
    found = made(tmp_path, "sweep: {lr: [0.1, 0.2], seed: [1, 2, 3]}")
    assert [(one["lr"], one["seed"]) for one in found] == [
        (lr, seed) for lr in (0.1, 0.2) for seed in (1, 2, 3)
    ]  # fmt: skip


def test_a_list_of_mappings_is_a_union(tmp_path: Path) -> None:
    found = made(tmp_path, "sweep:\n  - {lr: 0.1, seed: [1, 2]}\n  - {lr: 0.2, seed: 3}\n  - {tags: [[1], [2]]}\n")
    assert [(one["lr"], one["seed"], one["tags"]) for one in found] == [
        (0.1, 1, []),
        (0.1, 2, []),
        (0.2, 3, []),
        (0.1, 0, [1]),
        (0.1, 0, [2]),
    ]


def test_points_of_a_union_tie_the_tasks_that_they_touch(tmp_path: Path) -> None:
    file = write_study(tmp_path, STUDY, config="sweep:\n  - {lr: 0.1, eps: 1}\n  - {lr: 0.2, eps: [2, 3]}\n")
    found = plan(file)
    assert runs(found) == {"train": 2, "attack": 3}  # not 2 × 3: each attack belongs to its point's training
    upstream = [item["upstream"]["train"] for item in found.items() if item["task"] == "attack"]
    assert upstream == [found.tasks["train"].ids[place].hex() for place in (0, 1, 1)]


def test_two_unions_are_combined_and_each_ties_its_own(tmp_path: Path) -> None:
    file = write_study(
        tmp_path,
        STUDY,
        config="""
        sweep:
          train: [{lr: 0.1, seed: 1}, {lr: 0.2, seed: 2}]
          attack: [{eps: 1, steps: 1}, {eps: 2, steps: 2}]
        """,
    )
    assert runs(plan(file)) == {"train": 2, "attack": 4}


def test_axes_below_a_task_or_inside_a_tree(tmp_path: Path) -> None:
    found = made(tmp_path, "model: {_target_: a.B}\nsweep: {train: {seed: [1, 2]}, model: {width: [3, 4], act: relu}}")
    assert [(one["seed"], one["model.width"], one["model._target_"]) for one in found] == [
        (seed, width, "a.B") for seed in (1, 2) for width in (3, 4)
    ]
    assert {one["model.act"] for one in found} == {"relu"}


def test_a_single_value_in_the_sweep_is_a_value(tmp_path: Path) -> None:
    assert made(tmp_path, "sweep: {lr: 0.3, seed: [1]}") == [{"lr": 0.3, "seed": 1, "tags": []}]


# ---- overrides of axes


def test_an_override_replaces_an_axis_adds_one_or_takes_one_away(tmp_path: Path) -> None:
    config = "sweep: {lr: [0.1, 0.2], seed: [1, 2]}"
    assert len(made(tmp_path, config, "seed=5,6,7")) == 6
    assert len(made(tmp_path, config, "seed=5")) == 2
    assert len(made(tmp_path, config, "seed=range(10)")) == 20
    assert len(made(tmp_path, config, "tags=[1],[2]")) == 8
    assert made(tmp_path, config, "~lr") == [{"lr": 0.1, "seed": seed, "tags": []} for seed in (1, 2)]
    assert len(made(tmp_path, config, "~lr", "~seed")) == 1
    assert made(tmp_path, "lr: 0.7", "~lr")[0]["lr"] == 0.1


def test_the_last_override_of_a_name_wins(tmp_path: Path) -> None:
    assert [one["seed"] for one in made(tmp_path, "", "seed=1,2", "seed=3")] == [3]


def test_what_points_set_one_by_one_is_not_set_for_all(tmp_path: Path) -> None:
    config = "sweep:\n  - {lr: 0.1, seed: [1, 2]}\n  - {lr: 0.2}\n"
    for override in ("lr=0.3", "seed=7", "lr=0.3,0.4", "~seed"):
        name = override.strip("~").partition("=")[0]
        assert refused(tmp_path, config, override) == (
            f"command line: {override}: 'train.{name}' is set point by point, so it cannot be set for all\n"
            f"  select among the points with --where 'train.{name}=…'"
        )
    assert len(made(tmp_path, config, where=("lr=0.1",))) == 2


def test_rows_that_come_out_the_same_are_one_run(tmp_path: Path) -> None:
    assert len(made(tmp_path, "sweep:\n  - {lr: 0.1}\n  - {lr: 0.1, seed: 0}\n  - {seed: 0}\n")) == 1
    assert len(made(tmp_path, "", "seed=1,1.0")) == 1


# ---- interpolation


def test_references_to_variables_parameters_and_chains_of_them(tmp_path: Path) -> None:
    config = """
    vars: {base: 3, seeds: [1, 2]}
    lr: ${seed}
    model: {width: "${vars.base}", text: "w${.width}-${train.lr}", rate: "${lr}"}
    sweep: {seed: "${vars.seeds}"}
    """
    found = made(tmp_path, config)
    assert [one["lr"] for one in found] == [1.0, 2.0]
    assert found[1] == {
        "lr": 2.0, "seed": 2, "tags": [], "model.width": 3, "model.text": "w3-2", "model.rate": 2,
    }  # fmt: skip
    assert made(tmp_path, config, "vars.base=9", "vars.seeds=[4]")[0]["model.width"] == 9


def test_references_to_upstreams_are_resolved_when_the_rows_exist(tmp_path: Path) -> None:
    file = write_study(tmp_path, STUDY, config="sweep: {seed: [1, 2], lr: [0.1, 0.2]}\nattack: {steps: '${seed}'}\n")
    found = plan(file)
    assert runs(found) == {"train": 4, "attack": 4}
    assert column(found, "attack", "steps") == [1, 1, 2, 2] or column(found, "attack", "steps") == [1, 2, 1, 2]
    assert len(found.tasks["attack"].made.points) == 2  # once for each distinct seed


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("lr: ${nope}", "conf/config.yaml:1: '${nope}' does not resolve: Interpolation key 'nope' not found"),
        ("lr: ${seed}\nseed: ${lr}", "conf/config.yaml:1: '${seed}' refers to itself in the end"),
        ("lr: ${lr}", "conf/config.yaml:1: '${lr}' refers to itself in the end"),
        ("\nlr: ${eps}", "conf/config.yaml:2: 'train' refers to 'attack.eps', which nothing that it reads has"),
    ],
)
def test_references_that_do_not_resolve(tmp_path: Path, config: str, message: str) -> None:
    assert refused(tmp_path, config).splitlines()[0] == message


# ---- what is refused; all messages are in tests/golden/errors.txt


def test_a_parameter_without_default_is_asked_for(tmp_path: Path) -> None:
    file = write_study(tmp_path, 'study = qd.Study("s")\n@study.task\ndef train(lr: float) -> dict: ...\n')
    with pytest.raises(qd.BadInput) as error:
        plan(file)
    assert str(error.value) == (
        "parameter 'train.lr': field required\n  it has no default: write train.lr=… or set it in the configuration"
    )
    assert runs(plan(file, "lr=1")) == {"train": 1}


def test_a_point_that_a_space_function_made_wrong_is_told_at_the_function(tmp_path: Path) -> None:
    file = write_study(
        tmp_path,
        """
        study = qd.Study("s")

        @study.space
        def space(n: int = 2) -> dict:
            return {"train": qd.grid(lr=["x"])}

        @study.task
        def train(lr: float = 0.1) -> dict: ...
        """,
    )
    with pytest.raises(qd.BadInput, match=r"study.py:\d+: parameter 'train.lr': should be a valid number"):
        plan(file)
    assert runs(plan(file, "lr=1")) == {"train": 1}


def test_hostile_values_travel_unharmed(tmp_path: Path) -> None:
    study = qd.Study("s")

    @study.task
    def train(text: str = "") -> dict[str, float]: ...

    for text in ("a b", "it's", 'say "x"', "größe-ε-数据-🌱", "first\nsecond", "0010", "null", "a,b", "a=b", "$HOME"):
        escaped = text.replace("'", "\\'")
        assert column(plan(study, f"text='{escaped}'"), "train", "text") == [text]

"""The four studies of the design page as miniatures: the counts that joins, conditions, labels and gathers must give.

Every number here was worked out by hand; the comment beside it says how.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from quadrat.core.loading import find_study
from quadrat.plan.plan import Plan
from studying import column, ids, params, plan, runs

SKETCHES = Path(__file__).parent / "sketches"


def sketch(name: str, *overrides: str, **request: Any) -> Plan:
    return plan(SKETCHES / f"{name}.py", *overrides, **request)


def sizes(made: Plan, task: str, argument: str) -> list[int]:
    """How many members each group of a gather has."""
    return sorted(len(item["upstream"][argument]) for item in made.items() if item["task"] == task)


# ---- mnist_fgsm


def test_mnist_fgsm() -> None:
    made = sketch("mnist_fgsm", "num_epochs=1,5", "dropout_prob=0.0,0.1,0.5", "seed=1,2,3")
    # data: nothing is swept. train: 2 epochs × 3 dropouts × 3 seeds. attack: one for each training (1 epsilon), on the
    # data that the training was on. seed_average: 2 × 3 combinations of everything but the seed, 3 seeds in each.
    assert runs(made) == {"data": 1, "train": 18, "attack": 18, "seed_average": 6}
    assert sizes(made, "seed_average", "attack") == [3] * 6


def test_mnist_fgsm_on_two_data_sets() -> None:
    made = sketch("mnist_fgsm", "dataset=digits,mnist", "seed=1,2", "fgsm_epsilon=0.05,0.1")
    # attack reads train and data: joined on the common ancestor run of data, 2 × 2 × 2, and not 2 × (2 × 2 × 2).
    assert runs(made) == {"data": 2, "train": 4, "attack": 8, "seed_average": 4}
    trained_on = {item["id"]: item["upstream"]["data"] for item in made.items() if item["task"] == "train"}
    for item in made.items():
        if item["task"] == "attack":
            assert trained_on[item["upstream"]["train"]] == item["upstream"]["data"]


def test_mnist_fgsm_where_one_seed_is_missing() -> None:
    made = sketch("mnist_fgsm", "seed=1,2,3", "dropout_prob=0.0,0.5", where=("seed!=2",))
    assert runs(made) == {"data": 1, "train": 4, "attack": 4, "seed_average": 2}
    assert sizes(made, "seed_average", "attack") == [2, 2]


# ---- lambda_hat

TARGETS = (
    "targets=[{model:small,data:small,teacher:_null,seed:42},{model:base,data:base,teacher:_null,seed:43},"
    "{model:wide,data:large,teacher:_null,seed:44}]"
)
SAMPLERS = "samplers=[{name:hmc},{name:sgld,overrides:{step_size:1e-6}},{name:hmc,overrides:{draws:5000}}]"


def test_lambda_hat() -> None:
    made = sketch("lambda_hat", TARGETS, SAMPLERS)
    assert runs(made) == {"target": 3, "sample": 9}  # N × M: targets and samplers have nothing in common
    assert params(made, "target")[2] == {
        "model.depth": 2,
        "model.target_params": 50_000,
        "model.activation": "relu",
        "data.n_data": 100_000,
        "data.noise_scale": 0.1,
        "teacher": None,
        "seed": 44,
        "jax_enable_x64": True,
    }
    assert column(made, "sample", "sampler.name")[:3] == ["hmc", "sgld", "hmc"]


def test_lambda_hat_from_a_file_of_experiments(tmp_path: Path) -> None:
    file = tmp_path / "experiments.yaml"
    file.write_text(
        """
        jax_enable_x64: false
        targets:
          - { model: base, data: base, seed: 42 }
          - { model: base, data: base, seed: 42,
              overrides: { model: { activation: identity, depth: 6 }, data: { n_data: 50000, noise_scale: 0.05 } }}
          - { model: base, data: base, teacher: wide, seed: 42 }
        samplers:
          - { name: hmc }
          - { name: sgld, overrides: { step_size: 1e-5 } }
          - { name: sgld, overrides: { step_size: 0.00001 } }  # the same number: the same runs
        """
    )
    made = sketch("lambda_hat", config_files=(file,))
    assert runs(made) == {"target": 3, "sample": 6}
    assert column(made, "target", "model.activation") == ["relu", "identity", "relu"]
    assert column(made, "target", "jax_enable_x64") == [False] * 3
    assert params(made, "target")[2]["teacher.target_params"] == 50_000


def test_lambda_hat_the_setting_goes_before_the_parameter_of_the_same_name() -> None:
    made = sketch("lambda_hat", TARGETS, SAMPLERS, "jax_enable_x64=false")
    assert column(made, "target", "jax_enable_x64") == [False] * 3
    with pytest.raises(qd.BadInput, match="no run passes"):  # a query asks the parameter
        sketch("lambda_hat", TARGETS, SAMPLERS, where=("jax_enable_x64=false",))


def test_lambda_hat_with_more_axes() -> None:
    made = sketch("lambda_hat", TARGETS, SAMPLERS, "sample.seed=1,2")
    assert runs(made) == {"target": 3, "sample": 18}
    made = sketch("lambda_hat", TARGETS, SAMPLERS, "sampler.chains=8")
    assert column(made, "sample", "sampler.chains") == [8] * 9
    # Draws are for those that have them: HMC where it does not say itself; the third sampler says 5000.
    with pytest.raises(qd.BadInput, match="set point by point"):
        sketch("lambda_hat", TARGETS, SAMPLERS, "sampler.draws=10")
    made = sketch("lambda_hat", TARGETS, "samplers=[{name:hmc},{name:sgld}]", "sampler.draws=10,20")
    assert runs(made) == {"target": 3, "sample": 9}  # 3 × (2 HMC + 1 SGLD)


def test_lambda_hat_only_one_kind_of_sampler() -> None:
    made = sketch("lambda_hat", TARGETS, SAMPLERS, where=("sampler.name=sgld",))
    assert runs(made) == {"target": 3, "sample": 3}
    assert runs(sketch("lambda_hat", TARGETS, SAMPLERS, only="target")) == {"target": 3}


def test_lambda_hat_adding_a_sampler_leaves_all_ids() -> None:
    before = ids(sketch("lambda_hat", TARGETS, "samplers=[{name:hmc}]"))
    after = ids(sketch("lambda_hat", TARGETS, "samplers=[{name:sgld},{name:hmc}]"))
    assert after["target"] == before["target"]
    assert set(before["sample"]) < set(after["sample"])


# ---- dynvision

EXPERIMENTS = (
    "experiment_config={contrast:{parameter:contrast,values:[0.2,0.5,1.0],status:[init,trained]},"
    "duration:{parameter:stim,values:[5,10],status:[trained]}}"
)


def test_dynvision_one_experiment() -> None:
    made = sketch("dynvision", "experiment=contrast", EXPERIMENTS)
    # test: 3 contrasts × 2 statuses on the one model. The 3 of status init read no training; adaption: one for each of
    # the 2 statuses, 3 tests in each.
    assert runs(made) == {"dataset": 1, "init": 1, "train": 1, "test": 6, "adaption": 2}
    assert sizes(made, "adaption", "test") == [3, 3]
    for item in made.items():
        if item["task"] == "test":
            assert (item["upstream"]["train"] is None) == (item["params"]["status"] == "init")
            assert item["params"]["loader.contrast"] in (0.2, 0.5, 1.0)


def test_dynvision_two_experiments_a_category_and_seeds() -> None:
    made = sketch(
        "dynvision", "experiment=contrast,duration", "category=rctarget", "model_name=A,B", "seed=1,2", EXPERIMENTS
    )
    # init: 2 names × 2 targets of the category × 2 seeds. train: one each. test: each model × (3 × 2 contrasts + 2
    # durations). adaption: 2 names × (2 statuses of contrast + 1 of duration); the category is a setting: one value.
    assert runs(made) == {"dataset": 1, "init": 8, "train": 8, "test": 64, "adaption": 6}
    # 2 targets × 2 seeds × 3 contrasts, for 2 names × 2 statuses; 2 × 2 × 2 durations for 2 names.
    assert sizes(made, "adaption", "test") == [8, 8, 12, 12, 12, 12]
    assert {one["model_args.rctarget"] for one in params(made, "init")} == {"output", "middle"}
    group = made.tasks["adaption"].made.groups["test"].values[0]
    assert group["category"] == "rctarget"
    assert {group["experiment"] for group in made.tasks["adaption"].made.groups["test"].values} == {
        "contrast",
        "duration",
    }


def test_dynvision_a_followed_parameter() -> None:
    made = sketch("dynvision", "experiment=duration", "category=idle", EXPERIMENTS)
    assert runs(made) == {"dataset": 1, "init": 2, "train": 2, "test": 4, "adaption": 1}
    assert sorted(column(made, "test", "idle")) == [10, 10, 20, 20]  # that of the model which is tested
    for item in made.items():
        if item["task"] == "test":
            init = next(one for one in made.items() if one["id"] == item["upstream"]["init"])
            assert item["params"]["idle"] == init["params"]["model_args.idle"]
    told = sketch("dynvision", "experiment=duration", "category=idle", EXPERIMENTS, "test.idle=3")
    assert column(told, "test", "idle") == [3] * 4


def test_dynvision_one_test_under_two_experiments_is_one_run() -> None:
    one = "{parameter:stim,values:[5,10],status:[trained]}"
    other = "{parameter:stim,values:[5],status:[trained]}"
    twice = f"experiment_config={{a:{one},b:{other}}}"
    made = sketch("dynvision", "experiment=a,b", twice)
    # 3 rows (5 and 10 under a, 5 under b), 2 runs; one figure for each experiment.
    assert runs(made) == {"dataset": 1, "init": 1, "train": 1, "test": 2, "adaption": 2}
    assert made.tasks["test"].made.rows.size == 3
    assert sizes(made, "adaption", "test") == [1, 2]


def test_dynvision_one_experiment_alone() -> None:
    asked = ("experiment=contrast,duration", EXPERIMENTS)
    assert runs(sketch("dynvision", *asked, where=("experiment=duration",))) == {
        "dataset": 1, "init": 1, "train": 1, "test": 2, "adaption": 1,
    }  # fmt: skip
    assert runs(sketch("dynvision", *asked, where=("status=init",)))["test"] == 3


# ---- wwdc


def test_wwdc() -> None:
    made = sketch("wwdc")
    # flow: 3 seeds under the label `seed`, 3 dropped sets under `drop`: 6 rows. Seed 42 with nothing dropped is in
    # both: 5 runs. embed and stat_test: one each. page: over flow.seed and drop_variables, so one for each label.
    assert runs(made) == {"catalog": 1, "vae": 1, "flow": 5, "embed": 5, "stat_test": 5, "page": 2}
    assert made.tasks["flow"].made.rows.size == 6
    assert sizes(made, "page", "stat_test") == [3, 3]
    one, other = (item["upstream"]["stat_test"] for item in made.items() if item["task"] == "page")
    assert len(set(one) & set(other)) == 1


def test_wwdc_more_values_upstream() -> None:
    # page agrees in everything but flow.seed and drop_variables: 2 labels × 2 seeds of the VAE.
    assert runs(sketch("wwdc", "vae.seed=1,2")) == {
        "catalog": 1, "vae": 2, "flow": 10, "embed": 10, "stat_test": 10, "page": 4,
    }  # fmt: skip
    # flow joins its VAE and its catalogue on the catalogue that the VAE was trained on.
    assert runs(sketch("wwdc", "generator_seed=1,2")) == {
        "catalog": 2, "vae": 2, "flow": 10, "embed": 10, "stat_test": 10, "page": 4,
    }  # fmt: skip
    assert runs(sketch("wwdc", "split=train,test")) == {
        "catalog": 1, "vae": 1, "flow": 5, "embed": 10, "stat_test": 10, "page": 4,
    }  # fmt: skip


def test_wwdc_trees_are_params_and_paths_of_settings_are_paths() -> None:
    made = sketch("wwdc", "config_dir=my conf")
    assert params(made, "vae")[0]["model._target_"] == "models.Vae"
    assert params(made, "flow")[0]["model.root"] == "my conf/experiment/RGBMNIST_FLOW/train"
    assert sketch("wwdc").tasks["vae"].ids == made.tasks["vae"].ids


@pytest.mark.parametrize("name", ["mnist_fgsm", "lambda_hat", "dynvision", "wwdc"])
def test_a_sketch_is_found_by_its_file(name: str) -> None:
    assert find_study(str(SKETCHES / f"{name}.py")).study.name == name

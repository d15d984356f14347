"""The study `dynvision`: recurrent vision models with biological time, and what stimuli in time do to them.

`raw → subset → packed`, `init → train → test → process → aggregate`, and figures of these. The science is in the
modules beside this file; they are imported inside the tasks, so that planning needs neither torch nor matplotlib.
"""

from __future__ import annotations

from typing import Annotated, Any

import quadrat as qd

from . import requests
from .naming import read_mapping
from .params import Aggregating, Group, Init, Packing, PackingTest, Raw, Testing, Training
from .results import (
    Aggregated,
    Compared,
    Figure,
    Figures,
    Finished,
    Flagged,
    Found,
    Initialised,
    Kept,
    Linked,
    Packed,
    PackedTest,
    Processed,
    Tested,
    Trained,
)

study = qd.Study(
    "dynvision",
    preload=["torch", "lightning.pytorch", "safetensors.torch", "polars", "matplotlib.figure"],
    project_config=[f"configs/config_{layer}.yaml" for layer in ("defaults", "data", "experiments", "workflow")],
    targets_as="files",
)


@study.space
def request(
    experiment: list[str],
    model_name: list[str],
    data_name: list[str],
    seed: list[int | str],
    data_group: list[str],
    status: list[str],
    experiment_config: dict[str, Any],
    model_args: dict[str, Any] | str = {},  # noqa: B006 - the study's settings; never changed
    category: str | None = None,
    data_groups: dict[str, Any] = {},  # noqa: B006
    mounted_datasets: dict[str, str] = {},  # noqa: B006
    store_test_responses: bool = False,
    files: list[str] = [],  # noqa: B006
) -> dict[str, qd.Space]:
    """Every model on every data set in every experiment; and what the files that are asked for by name need."""
    known = dict(experiment_config)
    categories = known.pop("categories", {})
    wanted = requests.Wanted()
    requests.add_files(wanted, files)
    requests.check_status(status)
    args = read_mapping(model_args, "model_args")
    requests.add_models(wanted, requests.sweep_variants(model_name, args, category, categories), seed)
    requests.add_data(wanted, data_name, data_group)
    requests.add_experiments(wanted, requests.find_experiments(experiment, known), status)
    return requests.to_spaces(wanted, data_groups, mounted_datasets, keep=store_test_responses)


# --- data -----------------------------------------------------------------------------------------------------------


@study.task(rule="get_data", memory="2GB", walltime="4h")
def raw(params: Raw, run: qd.Run) -> Found:
    """Get a data set, as class folders."""
    from .tasks import data

    return Found(**data.get(params, run))


@study.check(raw)
def data_at_hand(params: Raw) -> None:
    """Say at once, before anything runs, where the data would have to be."""
    from .tasks import data

    data.check_data(params)


@study.task(rule="symlink_data_subsets")
def subset(raw: qd.Done[Raw, Found], run: qd.Run) -> Linked:
    """Link to every class of training and test."""
    from .tasks import data

    return Linked(**data.link(raw.result, None, run))


@study.task(rule="symlink_data_groups")
def group(params: Group, subset: qd.Done[Any, Linked], run: qd.Run) -> Linked:
    """Link to the classes of a group."""
    from .tasks import data

    return Linked(**data.link(subset.result, params.classes, run))


@study.task(rule="build_ffcv_datasets", memory="4GB", walltime="1h")
def packed(params: Packing, subset: qd.Done[Any, Linked], raw: qd.Done[Raw, Found], run: qd.Run) -> Packed:
    """Pack the training images into files that are mapped into memory, split into training and validation."""
    from .tasks import data

    return Packed(**data.pack_training(params, raw.params.data_name, subset.result.train, run))


@study.task(rule="build_test_datasets", memory="4GB", walltime="1h")
def packed_test(
    params: PackingTest,
    group: qd.Done[Group, Linked],
    subset: qd.Done[Any, Linked],
    raw: qd.Done[Raw, Found],
    run: qd.Run,
) -> PackedTest:
    """Pack the test images of a group; labels count in all classes of the data set."""
    from .tasks import data

    folders = group.result.test, subset.result.train
    return PackedTest(**data.pack_test(params, raw.params.data_name, folders, run))


# --- models ---------------------------------------------------------------------------------------------------------


@study.task(rule="init_model", memory="2GB", walltime="10m")
def init(params: Init, subset: qd.Done[Any, Linked], raw: qd.Done[Raw, Found], run: qd.Run) -> Initialised:
    """Make a model."""
    from .tasks import models

    return Initialised(**models.initialise(params, raw.params.data_name, subset.result.classes, run))


@study.task(rule="train_model", extends="epochs", memory="4GB", walltime="24h")
def train(
    params: Training,
    init: qd.Done[Init, Initialised],
    packed: qd.Done[Packing, Packed],
    raw: qd.Done[Raw, Found],
    run: qd.Run,
) -> Trained:
    """Train a model, on from its last checkpoint or from the nearest shorter training."""
    from .tasks import models

    return Trained(**models.train(params, init, raw.params.data_name, packed.result, run))


@study.check(init)
def weights_at_hand(params: Init) -> None:
    """Published weights exist for the model, where they are asked for."""
    from .architectures import check_published

    if params.init_with_pretrained:
        check_published(params.model)


@study.check(train)
def loggers_at_hand(params: Training) -> None:
    """The loggers are installed."""
    from .runtime.loggers import check_loggers

    check_loggers(params)


@study.check(packed)
def ffcv_at_hand(params: Packing) -> None:
    """FFCV is installed, where its format is asked for."""
    from .images.beton import require_ffcv

    if params.use_ffcv:
        require_ffcv()


@study.task(rule="test_model", memory="4GB", walltime="2h")
def test(
    params: Testing,
    init: qd.Done[Init, Initialised],
    train: Annotated[qd.Done[Training, Trained] | None, qd.when(lambda params: params.status != "init")],
    packed_test: qd.Done[PackingTest, PackedTest],
    raw: qd.Done[Raw, Found],
    run: qd.Run,
) -> Tested:
    """Test a model on stimuli in time."""
    from .tasks import models

    return Tested(**models.test(params, init, train, raw.params.data_name, packed_test.result, run))


@study.task(rule="store_responses")
def kept(test: qd.Done[Testing, Tested], run: qd.Run) -> Kept:
    """Keep the responses of a test, as `torch.load` reads them."""
    from .runtime.responses import as_pt

    file = run.file("test_responses.pt")
    as_pt(test.result.responses, file)
    return Kept(responses=file)


# --- tables and figures ---------------------------------------------------------------------------------------------


@study.task(rule="process_single_test", memory="2GB", walltime="30m")
def process(test: qd.Done[Testing, Tested], run: qd.Run) -> Processed:
    """Put answers and responses of a test into one table."""
    from .tasks import tables

    return Processed(**tables.process(test, run))


_GROUP = ("experiment", "category", "model_name", "group_args", "seeds", "data_name", "statuses", "data_group")


@study.task(rule="aggregate_tests", memory="4GB", walltime="30m")
def aggregate(
    params: Aggregating, process: Annotated[qd.Many[Any, Processed], qd.by(*_GROUP)], run: qd.Run
) -> Aggregated:
    """Put the tables of all tests of an experiment into one, with what they differ in."""
    from .tasks import tables

    return Aggregated(**tables.gather(params, process, run))


@study.task(memory="4GB", walltime="30m")
def plot_adaption(aggregate: qd.Done[Aggregating, Aggregated], run: qd.Run) -> Flagged:
    """Draw power, height and time of the peak against the parameter."""
    from .tasks import plots

    flag = run.file("adaption.flag")
    drawn = plots.plot_experiment("adaption", aggregate, run)
    flag.write_text("adaption.pdf\nadaption.png\n", encoding="utf-8")
    return Flagged(**drawn, flag=flag)


@study.task(memory="4GB", walltime="30m")
def plot_responses(aggregate: qd.Done[Aggregating, Aggregated], run: qd.Run) -> Figure:
    """Draw accuracy, confidence and the responses of all layers over time."""
    from .tasks import plots

    return Figure(**plots.plot_experiment("responses", aggregate, run))


@study.task(memory="4GB", walltime="30m")
def plot_performance(aggregate: qd.Done[Aggregating, Aggregated], run: qd.Run) -> Figure:
    """Draw accuracy over time, its peak, and when that is."""
    from .tasks import plots

    return Figure(**plots.plot_experiment("performance", aggregate, run))


@study.task(memory="4GB", walltime="30m")
def plot_dynamics(aggregate: qd.Done[Aggregating, Aggregated], run: qd.Run) -> Figure:
    """Draw the responses of the last layer for all values of the parameter."""
    from .tasks import plots

    return Figure(**plots.plot_experiment("dynamics", aggregate, run))


@study.task(memory="4GB", walltime="30m")
def plot_unrolling(aggregate: qd.Done[Aggregating, Aggregated], run: qd.Run) -> Figure:
    """Draw when each layer responds."""
    from .tasks import plots

    return Figure(**plots.plot_experiment("unrolling", aggregate, run))


@study.task(memory="4GB", walltime="30m")
def plot_confusion(aggregate: qd.Done[Aggregating, Aggregated], run: qd.Run) -> Figure:
    """Draw which classes are taken for which."""
    from .tasks import plots

    return Figure(**plots.plot_experiment("confusion", aggregate, run))


@study.task(memory="4GB", walltime="30m")
def plot_classifier_responses(aggregate: qd.Done[Aggregating, Aggregated], run: qd.Run) -> Figures:
    """Draw what the classifier says of the images of each class."""
    from .tasks import plots

    return Figures(**plots.plot_classifier(aggregate, run))


@study.task(memory="2GB", walltime="30m")
def plot_weight_distributions(
    train: qd.Done[Training, Trained], init: qd.Done[Init, Initialised], run: qd.Run
) -> Figure:
    """Draw how the weights of a trained model are distributed."""
    from .tasks import plots

    return Figure(**plots.plot_weights(train.result.weights, f"{init.params.model.name}, trained", run))


@study.task(memory="2GB", walltime="30m")
def plot_training(
    train: Annotated[
        qd.Many[Training, Trained], qd.by("category", "model_name", "group_args", "seeds", "data_name", "after")
    ],
    run: qd.Run,
) -> Figure:
    """Draw the course of trainings."""
    from .tasks import plots

    return Figure(**plots.plot_training(train, run))


@study.task(rule="plot_experiments_on_models", memory="4GB", walltime="30m")
def compare(
    aggregate: Annotated[qd.Many[Aggregating, Aggregated], qd.by()],
    plot_adaption: Annotated[qd.Many[Any, Flagged], qd.by()],
    run: qd.Run,
) -> Compared:
    """Draw every experiment across models."""
    from .tasks import plots

    return Compared(**plots.compare(aggregate, run))


@study.task
def experiment_done(
    plot_adaption: Annotated[qd.Many[Any, Flagged], qd.by("experiment")],
    plot_responses: Annotated[qd.Many[Any, Figure], qd.by("experiment")],
    plot_performance: Annotated[qd.Many[Any, Figure], qd.by("experiment")],
    plot_dynamics: Annotated[qd.Many[Any, Figure], qd.by("experiment")],
    run: qd.Run,
) -> Finished:
    """Say that an experiment is done: which figures there are."""
    done = run.file("experiment.done")
    groups = (plot_adaption, plot_responses, plot_performance, plot_dynamics)
    figures = [one.result.png for group in groups for one in group]
    done.write_text("".join(f"{file.name}\n" for file in figures), encoding="utf-8")
    return Finished(done=done)


# --- names ----------------------------------------------------------------------------------------------------------

_MODEL = "{model_name}{model_args}_{seed:04d}_{data_name}"
_TEST = _MODEL + "_{status}_{data_loader}{data_args}_{data_group}"
_FIGURES = (
    "reports/figures/{experiment}/{experiment}_{model_name}{group_args}_{seeds}_{data_name}_{statuses}_{data_group}/"
)
for _subset in ("train", "test"):
    study.view(raw, f"data/raw/{{data_name}}/{_subset}.ready", artifact=f"{_subset}_ready")
    study.view(raw, f"data/raw/{{data_name}}/{_subset}", artifact=_subset)
    study.view(subset, f"data/interim/{{data_name}}/{_subset}_all.ready", artifact=f"{_subset}_ready")
    study.view(subset, f"data/interim/{{data_name}}/{_subset}_all", artifact=_subset)
for _name in ("train", "val"):
    study.view(packed, f"data/processed/{{data_name}}/train_all/{_name}.beton", artifact=_name)
study.view(packed_test, "data/processed/{data_name}/test_{data_group}/test.beton", artifact="test")
for _folder in ("models/{model_name}/", "models/"):
    study.view(init, f"{_folder}{_MODEL}_init.pt", artifact="weights")
    study.view(train, f"{_folder}{_MODEL}_trained{{after}}.pt", artifact="weights")
study.view(train, f"models/{{model_name}}/{_MODEL}_trained{{after}}-best.pt", artifact="best")
study.view(train, f"models/{{model_name}}/{_MODEL}_trained{{after}}.pt.config.yaml", artifact="config")
study.view(train, f"logs/training/{{model_name}}/{_MODEL}_trained{{after}}.csv", artifact="log")
study.view(test, f"reports/{{model_name}}/{_TEST}_test_outputs.csv", artifact="outputs")
study.view(test, f"reports/{{model_name}}/{_TEST}_test_outputs.csv.config.yaml", artifact="config")
study.view(kept, f"models/{{model_name}}/{_TEST}_test_responses.pt", artifact="responses")
study.view(aggregate, f"{_FIGURES}test_data.csv", artifact="csv")
for _plot in (plot_adaption, plot_responses, plot_performance, plot_dynamics, plot_unrolling, plot_confusion):
    for _kind in ("png", "pdf"):
        study.view(_plot, f"{_FIGURES}{_plot.__name__.removeprefix('plot_')}.{_kind}", artifact=_kind)
study.view(plot_adaption, f"{_FIGURES}adaption.flag", artifact="flag")
study.view(plot_classifier_responses, f"{_FIGURES}classifier_responses", artifact="figures")
study.view(plot_classifier_responses, f"{_FIGURES}classifier_responses.flag", artifact="flag")
_WEIGHTS = f"reports/figures/weight_distributions/{_MODEL}_trained{{after}}_weights.png"
study.view(plot_weight_distributions, _WEIGHTS, artifact="png")
_COURSE = "reports/figures/training/{model_name}{group_args}_{seeds}_{data_name}_trained{after}.png"
study.view(plot_training, _COURSE, artifact="png")
study.view(compare, "reports/figures/comparison", artifact="figures")
study.view(compare, "reports/figures/plot_experiments_on_models.done", artifact="done")
study.view(experiment_done, "reports/experiment_{experiment}.done", artifact="done")

study.section("Across models", compare, "figures")
for _plot, _text in (
    (plot_performance, "Accuracy over time, its peak, and when that is."),
    (plot_adaption, "Power, height and time of the peak against the parameter."),
    (plot_dynamics, "Responses of the last layer for all values of the parameter."),
    (plot_responses, "Accuracy, confidence and the responses of all layers over time."),
    (plot_unrolling, "When each layer responds."),
    (plot_confusion, "Which classes are taken for which."),
):
    study.section("Experiments", _plot, "png", text=_text)
study.section("What the classifier says", plot_classifier_responses, "figures", text="Of the images of each class.")
study.section("Training", plot_training, "png")
study.section("Weights", plot_weight_distributions, "png", text="How the weights of trained models are distributed.")

study.part("experiment", experiment_done)
study.part("all_experiments", experiment_done)
study.part("train_model_variations", train)
study.part("test_model_variations", test)
study.part("plot_model_variations", plot_adaption, plot_responses, plot_performance, plot_dynamics)

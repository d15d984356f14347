"""Figures: named axes, the numbers that they claim, nothing hidden, the same bytes for the same data."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from quadrat import BadInput
from quadrat_studies.dynvision.analysis import summaries
from quadrat_studies.dynvision.analysis.process import classifier_means
from quadrat_studies.dynvision.figures import style, weights
from quadrat_studies.dynvision.figures.adaption import draw_adaption
from quadrat_studies.dynvision.figures.classifier import draw_classifier
from quadrat_studies.dynvision.figures.comparison import draw_comparison
from quadrat_studies.dynvision.figures.confusion import draw_confusion
from quadrat_studies.dynvision.figures.dynamics import draw_dynamics
from quadrat_studies.dynvision.figures.experiment import Experiment, intervals
from quadrat_studies.dynvision.figures.performance import draw_performance
from quadrat_studies.dynvision.figures.responses import draw_responses
from quadrat_studies.dynvision.figures.training import draw_training
from quadrat_studies.dynvision.figures.triptych import Wing, draw_triptych
from quadrat_studies.dynvision.figures.unrolling import draw_unrolling
from quadrat_studies.dynvision.figures.words import About
from studies.dynvision.made_experiment import CLASSES, LAYERS, made_experiment, made_input, made_test, made_training

SEVEN = ("depthpointwise", "pointdepthwise", "self", "full", "local", "localdepthwise", "none")
SMALL: dict[str, Any] = {"samples": 12, "recorded": 6}
ABOUT = About("DyRCNNx4, duration, cifar10 (all), trained", CLASSES)

EXPERIMENTS: dict[str, Callable[[], pl.DataFrame]] = {
    "usual": lambda: made_experiment(**SMALL),
    "seven": lambda: made_experiment(
        values=(1, 2, 5, 10), categories=SEVEN, seeds=(1, 2), layers=[f"layer{n}" for n in range(6)], **SMALL
    ),
    "one": lambda: made_experiment(values=(30,), category="", categories=("",), seeds=(1,), steps=60, **SMALL),
    "two steps": lambda: made_experiment(values=(1,), categories=("full", "none"), seeds=(1,), steps=2, **SMALL),
    "one sample": lambda: made_experiment(seeds=(1,), samples=1, recorded=1),
    "texts": lambda: made_experiment("noisetype", ("uniform", "gaussian"), "tau", (9, 3, 5), **SMALL),
    "delays": lambda: made_experiment(category="tff", categories=(0, 10), delays={10: 5}, **SMALL),
    "no responses": lambda: made_experiment(**SMALL).select(pl.exclude("^.*_response_.*$")),
}
DRAWN: dict[str, Callable[[pl.DataFrame], Figure]] = {
    "adaption": lambda table: draw_adaption(table, ABOUT),
    "responses": lambda table: draw_responses(table, ABOUT),
    "performance": lambda table: draw_performance(table, ABOUT, table),
    "dynamics": lambda table: draw_dynamics(table, ABOUT),
    "comparison": lambda table: draw_comparison(table, ABOUT),
    "measure": lambda table: draw_comparison(table, ABOUT, "peak_time"),
    "unrolling": lambda table: draw_unrolling(table, ABOUT),
    "triptych": lambda table: draw_triptych([Wing(table, TRAINED), Wing(table)], ABOUT),
}
TRAINED = made_training(4)
OF_RESPONSES = ("adaption", "dynamics", "measure", "unrolling")
CASES = [
    *itertools.product(DRAWN, ("seven", "one", "two steps", "no responses")),
    *itertools.product(("adaption", "performance"), ("one sample", "texts")),
    ("responses", "delays"),
]


@cache
def made(name: str) -> pl.DataFrame:
    return EXPERIMENTS[name]()


def title(axes: Axes) -> str:
    return axes.get_title(loc="left")


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def words(figure: Figure) -> list[str]:
    """The texts of the legends."""
    parts = [figure, *figure.subfigs, *(one for part in figure.subfigs for one in part.subfigs)]
    return [text.get_text() for part in parts for legend in part.legends for text in legend.get_texts()]


def check(figure: Figure) -> None:
    """Axes are named, at the edge of a grid that shares them at least; and a legend lies on nothing."""
    figure.draw_without_rendering()
    for axes in panels(figure):
        assert axes.get_ylabel() or not axes.yaxis.get_tick_params()["labelleft"] or not len(axes.get_yticks()), axes
        assert axes.get_xlabel() or not axes.xaxis.get_tick_params()["labelbottom"] or not len(axes.get_xticks()), axes
    assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in figure.texts), "a head is too long"
    boxes = [axes.get_window_extent() for axes in figure.axes]
    for part in [figure, *figure.subfigs]:
        for legend in part.legends:
            inside = legend.get_window_extent()
            assert not [box for box in boxes if box.overlaps(inside)], "a legend hides data"
            assert figure.bbox.x0 <= inside.x0
            assert inside.x1 <= figure.bbox.x1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other), "panels overlap"


@pytest.mark.parametrize(("kind", "data"), CASES)
def test_every_experiment_is_drawn(kind: str, data: str) -> None:
    settings = dict(mpl.rcParams)
    table = made(data)
    if data == "no responses" and kind in OF_RESPONSES:
        with pytest.raises(BadInput, match="response"):
            DRAWN[kind](table)
        return
    figure = DRAWN[kind](table)
    assert dict(mpl.rcParams) == settings
    check(figure)
    assert any(axes.lines or axes.containers for axes in figure.axes)
    assert figure.get_suptitle().replace("\n", " ").startswith(ABOUT.title)
    seeds = table["seed"].n_unique()
    over = (
        f"{'over' if seeds > 2 else 'of'} {seeds} seeds"
        if seeds > 1
        else "over 12 samples"
        if data != "one sample"
        else "one sample, no interval"
    )
    expected = over.replace("12", "6") if kind in OF_RESPONSES else over
    assert expected in figure.get_suptitle().replace("\n", " ")


def files(figure: Figure, folder: Path) -> dict[str, bytes]:
    paths = style.write(figure, folder / "figure", ("pdf", "svg", "png"), dpi=60)
    return {path.suffix: path.read_bytes() for path in paths}


@pytest.mark.parametrize("kind", ["performance", "triptych"])
def test_the_same_data_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    table = made("usual")
    first = files(DRAWN[kind](table), tmp_path / "first")
    assert files(DRAWN[kind](table.clone()), tmp_path / "second") == first
    assert min(len(content) for content in first.values()) > 5000
    picture = imread(tmp_path / "first" / "figure.png")
    assert picture.shape[1] == {"performance": 7 * 60, "triptych": 7 * 40}[kind]
    assert (picture[..., :3].min(axis=2) < 0.9).mean() > 0.01


def test_a_table_from_a_file_gives_the_same_figure(tmp_path: Path) -> None:
    """Numbers and truth values as categories become what they look like, and are shown as they were."""
    table = made_experiment(category="skip", categories=(True, False), **SMALL)
    table.write_csv(tmp_path / "table.csv")
    again = pl.read_csv(tmp_path / "table.csv")
    assert again["category_value"].dtype == pl.Boolean
    assert files(draw_performance(again, ABOUT), tmp_path) == files(draw_performance(table, ABOUT), tmp_path)


def test_adaption_shows_the_measures() -> None:
    table = made("usual")
    figure = draw_adaption(table, ABOUT)
    assert len(figure.axes) == 3 * len(LAYERS)
    assert [axes.get_ylabel() for axes in figure.axes[:4]] == ["V1 (a.u.²)", "V1 (a.u.)", "V1 (ms)", "V2 (a.u.²)"]
    assert {axes.get_xlabel() for axes in figure.axes[-3:]} == {"stimulus duration (ms)"}
    assert words(figure) == ["full", "self", "none"]
    trace = summaries.traces(table, "IT_response_avg")
    values = summaries.measured(trace, "peak_time")
    means = summaries.summarise(values, "value", ["category_value", "parameter_value", "dt"])
    lines = figure.axes[-1].lines
    assert len(lines) == 3
    for drawn, category in zip(lines, ("full", "self", "none"), strict=True):
        own = means.filter(pl.col("category_value") == category).sort("parameter_value")
        np.testing.assert_allclose(np.asarray(drawn.get_xdata()), [2, 4, 10, 20, 40])
        np.testing.assert_allclose(np.asarray(drawn.get_ydata()), own["mean"].to_numpy())
    with pytest.raises(BadInput, match="did you mean 'peak_time'"):
        draw_adaption(table, measures=["peaktime"])


def test_responses_have_a_column_for_each_value() -> None:
    figure = draw_responses(made("usual"), ABOUT)
    assert len(figure.axes) == 3 * 5
    assert [axes.get_title(loc="center") for axes in figure.axes[:5]] == ["2 ms", "4 ms", "10 ms", "20 ms", "40 ms"]
    assert len([line for line in figure.axes[0].lines if line.get_color() in style.COLOURS]) == 3
    assert [label.get_text() for label in figure.axes[10].get_yticklabels()] == list(LAYERS)
    many = made_experiment(values=range(1, 13), categories=("full",), seeds=(1,), **SMALL)
    figure = draw_responses(many, ABOUT)
    assert len(figure.axes) == 3 * 8
    assert "8 of 12 values" in figure.get_suptitle()


def test_a_delayed_layer_begins_late() -> None:
    figure = draw_unrolling(made("delays"), ABOUT)
    without, with_delay, last = figure.axes
    starts = {axes: [float(line.get_xdata()[0]) for line in lines(axes)] for axes in (without, with_delay)}
    assert starts == {without: [0, 0, 0, 0], with_delay: [0, 10, 20, 30]}
    fast, slow = (np.asarray(line.get_xdata(), dtype=float) for line in last.lines)
    np.testing.assert_allclose(slow - fast, [0, 10, 20, 30])
    assert words(figure) == ["0 ms", "10 ms"]


def lines(axes: Axes) -> list[Any]:
    """The traces in axes, without base lines, marks and bars."""
    return [line for line in axes.lines if len(np.atleast_1d(line.get_xdata())) > 4]


def test_feedforward_twins_are_dashed() -> None:
    table = made("usual")
    alone, both = draw_performance(table, ABOUT), draw_performance(table, ABOUT, made_experiment(gain=0.1, **SMALL))
    assert "feedforward only (mean)" in words(both)
    assert "feedforward only (mean)" not in words(alone)
    for before, after in zip(alone.axes, both.axes, strict=True):
        added = [line for line in lines(after) if line.get_linestyle() == "--"]
        assert len(added) == len(lines(after)) - len(lines(before)) == len(lines(before))
    assert both.axes[-1].get_ylabel() == "time of the peak (ms)"


def test_dynamics_chooses_layer_and_measure() -> None:
    table = made("usual")
    first, second, third = draw_dynamics(table, ABOUT).axes
    assert title(first) == "stimulus duration 10 ms"
    assert title(second) == title(third) == "IT"
    assert third.get_ylabel() == "summed response\n(fraction of maximum)"
    other = draw_dynamics(table, ABOUT, "V2", "peak_height").axes[2]
    assert (title(other), other.get_ylabel()) == ("V2", "peak height (a.u.)")
    with pytest.raises(BadInput, match="layer 'V3'"):
        draw_dynamics(table, ABOUT, "V3")


def test_models_side_by_side() -> None:
    models = ("DyRCNNx4", "CorNetRT", "AlexNet", "DyRCNNx8", "DyRCNNx2")
    table = pl.concat([made_experiment(model_name=name, seeds=(1,), **SMALL) for name in models])
    figure = draw_comparison(table, ABOUT)
    check(figure)
    assert [title(axes) for axes in figure.axes] == list(models)
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    figure = draw_comparison(table, ABOUT, "power", "V2")
    assert title(figure.axes[0]) == "DyRCNNx4, V2"
    with pytest.raises(BadInput, match="differ in 'model_name'"):
        draw_responses(table, ABOUT)
    with pytest.raises(BadInput, match="no measure 'acuracy'"):
        draw_comparison(table, ABOUT, "acuracy")


@pytest.mark.parametrize(
    ("history", "axes", "texts"),
    [
        pytest.param(made_training(), 3, ["full", "self"], id="usual"),
        pytest.param(made_training(categories=SEVEN, seeds=1), 3, list(SEVEN), id="seven"),
        pytest.param(made_training(1, ("full",), 1).drop("seed", "category_value"), 3, [], id="one epoch"),
        pytest.param(
            made_training().select(pl.exclude("^.*activityloss$")), 2, ["full", "self"], id="no activity loss"
        ),
    ],
)
def test_trainings(history: pl.DataFrame, axes: int, texts: list[str]) -> None:
    figure = draw_training(history, ABOUT, "rctype")
    check(figure)
    assert [one.get_ylabel().split(" (")[0] for one in figure.axes] == ["accuracy", "cross-entropy", "activity loss"][
        :axes
    ]
    assert words(figure) == texts
    with pytest.raises(BadInput, match="no epochs"):
        draw_training(history.clear(), ABOUT)


def test_kinds_of_weights() -> None:
    rng = np.random.default_rng(3)
    shapes = {
        "V1.conv.weight": (4, 3, 3, 3),
        "V1.conv2.weight": (4, 4, 3, 3),
        "V1.conv.bias": (4,),
        "V1.recurrence.weight": (1,),
        "V1.recurrence.flat_plane_mapping": (9,),
        "IT.conv.weight": (8, 4, 3, 3),
        "IT.recurrence.conv.weight": (8, 8, 3, 3),
        "addskip_IT.conv.weight": (8, 4, 1, 1),
        "addskip_IT.source.conv.weight": (4, 3, 3, 3),
        "addfeedback_V1.conv.weight": (4, 8, 1, 1),
        "tau_V1": (),
        "classifier.2.weight": (10, 8),
    }
    arrays = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    sizes = {
        kind: {layer: values.size for layer, values in layers.items()}
        for kind, layers in weights.select_weights(arrays).items()
    }
    assert sizes == {
        "feedforward": {"V1": 108 + 144, "IT": 288},
        "recurrence": {"V1": 1, "IT": 576},
        "skip": {"IT": 32},
        "feedback": {"V1": 32},
        "classifier": {"classifier": 80},
    }
    figure = weights.draw_weights(arrays, ABOUT)
    check(figure)
    assert [title(axes) for axes in figure.axes] == list(sizes)
    medians = [float(line.get_ydata()[0]) for line in figure.axes[0].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(medians[1], np.median(arrays["IT.conv.weight"]))
    with pytest.raises(BadInput, match="no weights"):
        weights.draw_weights({"V1.conv.bias": np.zeros(3)})


@pytest.mark.parametrize("spread", [0.0, 1e-3, 50.0])
def test_violins_of_any_spread_have_their_density(spread: float) -> None:
    values = 0.5 + spread * np.random.default_rng(1).standard_normal((100, 100))
    axes = weights.draw_weights({"V1.conv.weight": values}).axes[0]
    if not spread:
        assert not axes.collections
        return
    outline = axes.collections[0].get_paths()[0].vertices
    height, width = np.asarray(outline)[:, 1], np.asarray(outline)[:, 0]
    assert width.max() == pytest.approx(0.42)
    assert height[width.argmax()] == pytest.approx(0.5, abs=0.3 * spread)


def test_the_classifier_of_a_class() -> None:
    outputs, responses, _ = made_test(made_input("stim", 10, 30), samples=120, recorded=80)
    means = classifier_means(outputs, responses["classifier"])
    figure = draw_classifier(means, 3, 2.0, ABOUT)
    check(figure)
    assert words(figure)[0] == "cat (of the images)"
    assert words(figure)[-1] == "mean of all other classes"
    assert "dog" in words(figure)  # which the made tests take for cats
    assert "over 8 samples" in figure.get_suptitle()
    logits = responses["classifier"][np.arange(80) % 10 == 3, :, 3].mean(0)
    np.testing.assert_allclose(np.asarray(figure.axes[0].lines[0].get_ydata()), logits, rtol=1e-5)
    with pytest.raises(BadInput, match="no images of the class 12"):
        draw_classifier(means, 12, 2.0)


@pytest.mark.parametrize("classes", [2, 10, 30, 100])
def test_confusion(classes: int) -> None:
    shown = made_input("stim", 2, 8)
    outputs = made_test(shown, samples=3 * classes, classes=classes, seed=4)[0]
    figure = draw_confusion(outputs, 2.0, ABOUT)
    check(figure)
    counts, _, step = summaries.confusion(outputs)
    axes = figure.axes[0]
    np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), counts / counts.sum(1, keepdims=True))
    assert (
        f"at {2 * step} ms, the best step: accuracy {np.trace(counts) / counts.sum():.3f}"
        in figure.get_suptitle().replace("\n", " ")
    )
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("guess", "class")
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[0] == "airplane"
    assert len(names) == (classes if classes < 100 else 10)


def test_times_and_names_of_an_experiment() -> None:
    assert intervals(np.array([4, 1, 2, 3, 8]), 2.0) == [(1.0, 9.0), (15.0, 17.0)]
    assert intervals(np.array([], dtype=int), 2.0) == []
    tests = Experiment.of(made_experiment("interval", (6, 2), "tau", (9, 3, 5), seeds=(1,), **SMALL), About())
    assert tests.values == (2.0, 6.0)
    assert tests.categories == ("3", "5", "9")
    assert tests.middle == 6.0
    assert tests.at(parameter_value=2.0).stimulus() == [(1.0, 11.0), (15.0, 25.0)]
    assert (tests.parameter_label, tests.value_text(6.0)) == ("interval between stimuli (ms)", "12 ms")
    assert (tests.category_name, tests.category_text("5")) == ("time constant τ", "5 ms")
    own = Experiment.of(tests.table, About(labels={"tau": "membrane (ms)", "interval": "gap (ms)"}))
    assert (own.category_name, own.parameter_label) == ("membrane", "gap (ms)")
    patterns = Experiment.of(made_experiment(category="pattern", categories=("10111011", "1"), **SMALL), About())
    assert [patterns.category_text(one) for one in patterns.categories] == ["1", "10111011"]
    with pytest.raises(BadInput, match="no column 'dt'"):
        Experiment.of(tests.table.drop("dt"), About())
    with pytest.raises(BadInput, match="no rows"):
        Experiment.of(tests.table.clear(), About())


def test_steps_of_several_lengths_are_on_one_axis() -> None:
    """Five steps of 1 ms and of 2 ms are two places, and are called steps where they stand together."""
    table = made_experiment(values=(5, 10), categories=("a", "b"), seeds=(1,), **SMALL)
    table = table.with_columns(dt=pl.when(pl.col("category_value") == "a").then(1.0).otherwise(2.0))
    table = table.with_columns(category=pl.lit("dt"))
    tests = Experiment.of(table, About())
    assert tests.value_text(5.0) == "5 steps"
    figure = draw_adaption(table, ABOUT)
    drawn = [np.asarray(line.get_xdata()).tolist() for line in figure.axes[0].lines]
    assert drawn == [[5.0, 10.0], [10.0, 20.0]]


def test_no_more_than_three_wings() -> None:
    table = made("two steps")
    for number in (0, 4):
        with pytest.raises(BadInput, match=f"{number} comparisons"):
            draw_triptych([Wing(table)] * number)


def test_long_heads_are_wrapped() -> None:
    about = About(
        "DyRCNNx8:rctype=*+tsteps=20+dt=2+tau=5+trc=6+activityloss=0.0002_7000-7002_imagenette_trained-best_all " * 2
    )
    figure = draw_responses(made("one"), about)
    check(figure)
    assert figure.get_suptitle().replace("\n", "").startswith(about.title[:100].replace(" ", ""))

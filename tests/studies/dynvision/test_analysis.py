"""Tables and measures: they say what plain loops over the same numbers say, and nothing where there is nothing."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from polars.testing import assert_frame_equal

from quadrat import BadInput
from quadrat_studies.dynvision.analysis import measures, process, summaries
from studies.dynvision.made_experiment import made_experiment, made_input, made_test

NAN = math.nan
# Few different values, so that plateaus and equal peaks are common.
TRACES = hnp.arrays(
    float, st.tuples(st.integers(1, 3), st.integers(1, 24)), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, NAN])
)


def known(trace: np.ndarray[Any, Any]) -> list[tuple[int, float]]:
    return [(step, float(value)) for step, value in enumerate(trace) if not math.isnan(value)]


def first_peak(trace: np.ndarray[Any, Any]) -> int:
    return max(known(trace), key=lambda pair: (pair[1], -pair[0]))[0]


def onset(trace: np.ndarray[Any, Any]) -> float:
    peak = first_peak(trace)
    before = [(step, value) for step, value in known(trace) if step <= peak]
    half = (min(value for _, value in before) + trace[peak]) / 2
    step = peak
    for here, value in reversed(before):
        if value < half:
            return here + 1
        step = here
    return step


def peaks(trace: np.ndarray[Any, Any]) -> list[int]:
    found = []
    for step in range(1, len(trace) - 1):
        end = step
        while end + 1 < len(trace) and trace[end + 1] == trace[step]:
            end += 1
        is_peak = trace[step - 1] < trace[step] and end + 1 < len(trace) and trace[end + 1] < trace[step]
        if is_peak and trace[step] > 0:
            found.append(step)
    return found


def ratio(trace: np.ndarray[Any, Any]) -> float:
    order = sorted(peaks(trace), key=lambda step: (-trace[step], step))
    rest = [step for step in order if abs(step - order[0]) >= 5]
    if not rest:
        return NAN
    early, late = sorted((order[0], rest[0]))
    return float(trace[late] / trace[early])


LOOPS: dict[str, Callable[[np.ndarray[Any, Any]], float]] = {
    "peak_height": lambda trace: max(value for _, value in known(trace)),
    "peak_time": lambda trace: 2.5 * first_peak(trace),
    "onset_time": lambda trace: 2.5 * onset(trace),
    "power": lambda trace: sum(value**2 for _, value in known(trace)) / len(known(trace)),
    "time_average": lambda trace: sum(value for _, value in known(trace)) / len(known(trace)),
    "summed_response": lambda trace: sum(value for _, value in known(trace)),
    "peak_ratio": ratio,
}


@pytest.mark.parametrize("name", measures.MEASURES)
@given(traces=TRACES)
def test_measures_are_those_of_loops(name: str, traces: np.ndarray[Any, Any]) -> None:
    expected = [LOOPS[name](trace) if known(trace) else NAN for trace in traces]
    found = measures.MEASURES[name].function(traces, 2.5)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    each = [measures.MEASURES[name].function(trace, 2.5) for trace in traces]
    np.testing.assert_array_equal(found, each)


def test_times_take_the_step_of_each_trace() -> None:
    traces = [[0, 1, 0], [0, 0, 1]]
    assert measures.peak_time(traces, [2.0, 0.5]).tolist() == [2.0, 1.0]
    assert measures.onset_time(traces, [2.0, 0.5]).tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        pytest.param([0, 1, 0, 0, 0, 0, 0.5, 0], 0.5, id="suppressed"),
        pytest.param([0, 1, 0, 0, 0, 0, 2, 0], 2.0, id="facilitated"),
        pytest.param([0, 1, 0, 0, 0, 0.5, 0, 0], NAN, id="too near"),
        pytest.param([0, 1, 0, 0.9, 0, 0, 0.5, 0], 0.5, id="a near one between"),
        pytest.param([0, 1, 1, 0, 0, 0, 1, 1, 1, 0], 1.0, id="plateaus"),
        pytest.param([0, 1, 0, 0, 0, 0, 0, 1], NAN, id="rises to the end"),
        pytest.param([-3, -1, -3, -3, -3, -3, -2, -3], NAN, id="negative"),
        pytest.param([NAN, 1, 0, 0, 0, 0, 0.5, 0], NAN, id="begins high"),
    ],
)
def test_ratio_of_peaks(trace: list[float], expected: float) -> None:
    np.testing.assert_array_equal(measures.peak_ratio(trace), expected)


def test_measures_by_name() -> None:
    assert measures.find_measure("power").unit == "a.u.²"
    names = [measures.focus(name) for name in ("stim", "contrast", "interval", "ssnr", "epoch")]
    assert names == ["summed_response", "peak_time", "peak_ratio", "peak_height", "peak_height"]
    assert set(measures.FOCUS.values()) <= set(measures.MEASURES)
    with pytest.raises(BadInput, match=r"no measure 'peak_hight'.*\n.*'peak_height'"):
        measures.find_measure("peak_hight")
    with pytest.raises(BadInput, match="known: peak_height, peak_time"):
        measures.find_measure("xyz")


# --- one test ------------------------------------------------------------------------------------------------------


def outputs(guess: list[list[int]], label: list[int]) -> pl.DataFrame:
    samples, steps = len(guess), len(guess[0])
    return pl.DataFrame(
        {
            "sample_index": np.repeat(np.arange(samples), steps),
            "times_index": np.tile(np.arange(steps), samples),
            "label_index": np.repeat(label, steps),
            "guess_index": np.ravel(guess),
            "image_index": np.repeat(np.arange(samples), steps),
            "first_label_index": np.repeat(label, steps),
            "guess_confidence": np.full(samples * steps, 0.5),
            "first_label_confidence": np.full(samples * steps, 0.25),
        }
    )


def test_a_test_in_one_table() -> None:
    responses = {
        "V1/mean": np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32),
        "V1/std": np.array([[0, 1, 0], [1, 0, 1]], dtype=np.float32),
        "IT/mean": np.array([[7.0], [8.0]], dtype=np.float32),
        "IT/std": np.array([[0.5], [0.25]], dtype=np.float32),
    }
    shuffled = outputs([[2, 1, 0], [1, 1, 2], [0, 0, 0]], [1, 2, -1]).sample(fraction=1, shuffle=True, seed=1)
    table = process.process_test(shuffled, responses, {"V1": 0, "IT": 1})
    assert table["sample_index"].to_list() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert table["accuracy"].to_list() == [0, 1, 0, 0, 0, 1, None, None, None]
    assert table["top3_accuracy"].to_list() == [None] * 9
    assert table["V1_response_avg"].to_list() == [1, 2, 3, 4, 5, 6, None, None, None]
    assert table["V1_response_std"].to_list() == [0, 1, 0, 1, 0, 1, None, None, None]
    assert table["IT_response_avg"].to_list() == [None, 7, None, None, 8, None, None, None, None]
    later = process.process_test(shuffled, responses)
    assert later["IT_response_std"].to_list() == [None, None, 0.5, None, None, 0.25, None, None, None]


def test_more_responses_than_answers() -> None:
    table = process.process_test(
        outputs([[0, 0]], [0]), {"V1/mean": np.ones((3, 2)), "classifier": np.zeros((3, 2, 4))}
    )
    assert table["V1_response_avg"].to_list() == [1, 1]
    assert table["top3_accuracy"].to_list() == [1, 1]


@given(
    logits=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 8)),
        elements=st.sampled_from([-1.0, 0.0, 1.0, 2.0, math.inf, -math.inf]),
    ),
    data=st.data(),
)
def test_top_k(logits: np.ndarray[Any, Any], data: st.DataObject) -> None:
    """As sorting does, of equal logits the first one first; and top 1 would be the guess."""
    samples, steps, classes = logits.shape
    label = data.draw(st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples))
    table = process.process_test(outputs(logits.argmax(2).tolist(), label), {"classifier": logits})
    order = np.argsort(-logits, axis=2, kind="stable")
    for k in process.TOPS:
        hits = [int(label[one] in order[one, step, :k]) for one in range(samples) for step in range(steps)]
        expected = hits if k <= classes else [None] * len(hits)
        assert table[f"top{k}_accuracy"].to_list() == expected
    place = np.argsort(order, axis=2)[np.arange(samples), :, label].ravel()
    assert table["accuracy"].to_list() == [int(one == 0) for one in place]


def test_a_network_that_has_diverged_is_not_right() -> None:
    logits = np.full((1, 2, 5), np.nan)
    table = process.process_test(outputs([[0, 0]], [1]), {"classifier": logits, "V1/mean": np.full((1, 2), np.inf)})
    assert table["top3_accuracy"].to_list() == [0, 0]
    trace = summaries.traces(table.with_columns(seed=1), "V1_response_avg")
    assert summaries.measured(trace, "peak_height")["value"].to_list() == [None]


def test_units_give_what_layers_give() -> None:
    rng = np.random.default_rng(1)
    units = rng.standard_normal((2, 3, 4, 5, 6)).astype(np.float16)
    size = np.abs(units.astype(np.float64))
    table = process.process_test(outputs([[0, 0, 0], [1, 1, 1]], [0, 1]), {"V1": units}, {"V1": 0}, spread=True)
    expected = {
        "avg": size.mean((2, 3, 4)),
        "std": size.std((2, 3, 4)),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table[f"V1_response_{name}"].to_numpy(), values.ravel(), rtol=1e-5)
    np.testing.assert_allclose(table["V1_spatial_variance"].to_numpy(), size.mean(2).var((2, 3)).ravel(), rtol=1e-4)
    np.testing.assert_allclose(table["V1_feature_variance"].to_numpy(), size.mean((3, 4)).var(2).ravel(), rtol=1e-4)


@pytest.mark.parametrize(
    ("table", "responses", "start", "message"),
    [
        pytest.param(outputs([[0]], [0]).drop("guess_index"), {}, {}, "no column 'guess_index'", id="column"),
        pytest.param(outputs([[0, 0], [1, 1]], [0, 1])[:3], {}, {}, "3 rows are not 2 samples with 2 steps", id="rows"),
        pytest.param(outputs([[0, 0]], [0]), {"V1/mean": np.ones((1, 3))}, {}, "shape \\(1, 3\\)", id="too long"),
        pytest.param(outputs([[0, 0]], [0]), {"V1/mean": np.ones((1, 2))}, {"V1": 1}, "from step 1 on", id="too late"),
        pytest.param(outputs([[0, 0]], [0]), {"V1": np.ones((1, 2, 3))}, {}, "not \\(B, T, C, H, W\\)", id="not units"),
        pytest.param(outputs([[0, 0]], [0]), {"classifier": np.ones((1, 1, 3))}, {}, "of 2 steps", id="logits"),
    ],
)
def test_what_does_not_fit_is_told(table: pl.DataFrame, responses: Any, start: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        process.process_test(table, responses, start)


def test_means_of_the_classifier() -> None:
    table, responses, _ = made_test(made_input("stim", 3, 6), samples=40, recorded=30)
    logits = responses["classifier"].astype(float)
    means = process.classifier_means(table, logits, top=4)
    label = np.arange(30) % 10
    probability = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    one = means.filter(pl.col("first_label_index") == 3)
    assert one["unit"].n_unique() == 5
    assert one.filter(pl.col("times_index") == 0)["is_shown"].to_list() == [False] * 5
    for unit in one["unit"].unique():
        rows = one.filter(pl.col("unit") == unit).sort("times_index")
        chosen = [3] if unit == 3 else [unit] if unit >= 0 else [other for other in range(10) if other != 3]
        for name, values in (("logit", logits), ("probability", probability)):
            each = values[label == 3][..., chosen].mean(2)
            np.testing.assert_allclose(rows[name].to_numpy(), each.mean(0), rtol=1e-6)
            np.testing.assert_allclose(rows[f"{name}_std"].to_numpy(), each.std(0, ddof=1), rtol=1e-6)
        assert rows["samples"].to_list() == [3] * 6


def test_means_of_the_classifier_of_single_images() -> None:
    means = process.classifier_means(outputs([[0, 0], [1, 1]], [1, -1]), np.zeros((2, 2, 2)))
    assert means["first_label_index"].unique().to_list() == [1]
    assert means["probability"].unique().to_list() == [0.5]
    assert means["logit_std"].null_count() == len(means)
    with pytest.raises(BadInput, match="two classes or more"):
        process.classifier_means(outputs([[0]], [0]), np.zeros((1, 1, 1)))


# --- many tests ----------------------------------------------------------------------------------------------------


def factors(**changed: Any) -> process.Factors:
    given: dict[str, Any] = {
        "experiment": "duration",
        "model_name": "DyRCNNx4",
        "seed": 1,
        "status": "trained",
        "dt": 2.0,
        "parameter": "stim",
        "parameter_value": 5,
        "category": "rctype",
        "category_value": "full",
    }
    return process.Factors(**given | changed)


def test_tests_in_one_table(tmp_path: Path) -> None:
    one = process.process_test(outputs([[0, 1]], [0]), {"V1/mean": np.ones((1, 2))})
    two = process.process_test(outputs([[0, 0]], [0]), {"V2/mean": np.ones((1, 2))})
    first = factors(category="pattern", category_value="0011")
    second = factors(category="pattern", category_value="1", parameter_value=7.5)
    table = process.aggregate([(first, one), (second, two)])
    assert table["parameter_value"].to_list() == [5.0, 5.0, 7.5, 7.5]
    assert table["V1_response_avg"].to_list() == [1, 1, None, None]
    assert table["dt"].to_list() == [2.0] * 4
    assert table["category_value"].cast(str).to_list() == ["0011", "0011", "1", "1"]
    table.write_csv(tmp_path / "test_data.csv")
    table.write_parquet(tmp_path / "test_data.parquet")
    assert_frame_equal(process.read_table(tmp_path / "test_data.csv"), table)
    assert_frame_equal(process.read_table(tmp_path / "test_data.parquet"), table)
    one.write_csv(tmp_path / "one.csv")
    assert_frame_equal(process.read_table(tmp_path / "one.csv"), one)
    with pytest.raises(BadInput, match="without tests"):
        process.aggregate([])


def test_values_that_are_no_numbers_are_text(tmp_path: Path) -> None:
    one = process.process_test(outputs([[0]], [0]), {})
    values: list[Any] = [True, None, 0.5, 2.0, "full"]
    table = process.aggregate([(factors(parameter_value=value, category_value=value), one) for value in values])
    table.write_csv(tmp_path / "test_data.csv")
    assert_frame_equal(process.read_table(tmp_path / "test_data.csv"), table)
    assert table["parameter_value"].cast(str).to_list() == ["true", "null", "0.5", "2", "full"]
    assert table["category_value"].cast(str).to_list() == ["true", "null", "0.5", "2", "full"]


def test_quantiles_of_student() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in [*range(1, 40), 100, 1279]:
        assert summaries.student_t(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-7)
    assert math.isnan(summaries.student_t(0))


def test_errors_over_seeds_and_over_samples() -> None:
    seeds = {1: [1.0, 3.0], 2: [4.0, 6.0], 3: [9.0]}
    rows = [{"seed": seed, "condition": "a", "value": value} for seed, values in seeds.items() for value in values]
    table = pl.DataFrame(rows)
    means = [np.mean(values) for values in seeds.values()]
    half = {"std": np.std(means, ddof=1), "sem": np.std(means, ddof=1) / np.sqrt(3)}
    half["ci95"] = 4.30265273 * half["sem"]
    assert summaries.spread_over(table) == "seeds"
    for error, expected in half.items():
        found = summaries.summarise(table, "value", ["condition"], error).row(0, named=True)  # type: ignore[arg-type]
        assert found["mean"] == pytest.approx(np.mean(means))
        assert (found["high"] - found["low"]) / 2 == pytest.approx(expected)
        assert found["number"] == 3
    alone = table.filter(pl.col("seed") == 1)
    assert summaries.spread_over(alone) == "samples"
    assert summaries.summarise(alone, "value", ["condition"], "std").row(0) == pytest.approx(
        ("a", 2, 2 - math.sqrt(2), 2 + math.sqrt(2), 2)
    )
    single = summaries.summarise(alone[:1], "value", ["condition"])
    assert single.row(0) == ("a", 1.0, None, None, 1)


@pytest.fixture(scope="module")
def experiment() -> pl.DataFrame:
    options: dict[str, Any] = {"values": (1, 10), "categories": ("full", "none"), "samples": 12, "recorded": 5}
    return made_experiment(**options, steps=12)


def test_traces_are_the_rows_of_a_sample(experiment: pl.DataFrame) -> None:
    trace = summaries.traces(experiment.sample(fraction=1, shuffle=True, seed=2), "IT_response_avg")
    assert trace.values.shape == (2 * 2 * 3 * 5, 12)
    for number in (0, 17, 59):
        group = trace.groups.row(number, named=True)
        same = [pl.col(name) == group[name] for name in ("parameter_value", "category_value", "seed", "sample_index")]
        rows = experiment.filter(*same).sort("times_index")
        np.testing.assert_array_equal(trace.values[number], rows["IT_response_avg"].to_numpy())
    with pytest.raises(BadInput, match="a step twice in one condition"):
        summaries.traces(pl.concat([experiment, experiment]), "IT_response_avg")
    with pytest.raises(BadInput, match=r"no column 'IT_response'.*\n.*'IT_response_"):
        summaries.traces(experiment, "IT_response")


def test_tests_of_other_lengths_stand_beside_each_other() -> None:
    short, long = (
        process.process_test(outputs([[0] * steps], [0]), {"V1/mean": np.arange(steps)[None] + 1.0}) for steps in (2, 4)
    )
    table = process.aggregate([(factors(parameter_value=2), short), (factors(parameter_value=4), long)])
    trace = summaries.traces(table, "V1_response_avg")
    np.testing.assert_array_equal(trace.values, [[1, 2, NAN, NAN], [1, 2, 3, 4]])
    assert summaries.measured(trace, "time_average")["value"].to_list() == [1.5, 2.5]


def test_relative_measures_have_their_maximum_at_one(experiment: pl.DataFrame) -> None:
    trace = summaries.traces(experiment, "V1_response_avg")
    table = summaries.measured(trace, "summed_response")
    sums = trace.groups.with_columns(value=np.nansum(trace.values, 1))
    for key, rows in table.group_by("category_value", "seed", "sample_index"):
        same = sums.filter(
            pl.col("category_value") == key[0], pl.col("seed") == key[1], pl.col("sample_index") == key[2]
        )
        expected = {row["parameter_value"]: row["value"] / same["value"].max() for row in same.iter_rows(named=True)}
        assert rows["value"].max() == 1
        assert dict(rows.select("parameter_value", "value").iter_rows()) == pytest.approx(expected)


def test_nothing_is_relative_to_silence() -> None:
    silent = process.process_test(outputs([[0, 0]], [0]), {"V1/mean": np.zeros((1, 2))})
    trace = summaries.traces(process.aggregate([(factors(), silent)]), "V1_response_avg")
    assert summaries.measured(trace, "summed_response")["value"].to_list() == [None]


def test_performance_is_the_best_step_of_each_seed(experiment: pl.DataFrame) -> None:
    heights, times = summaries.performance(experiment, "accuracy", ["category_value", "parameter_value"])
    for row in heights.iter_rows(named=True):
        best, when = [], []
        for seed in (1, 2, 3):
            rows = experiment.filter(
                pl.col("category_value") == row["category_value"],
                pl.col("parameter_value") == row["parameter_value"],
                pl.col("seed") == seed,
            )
            means = rows.sort("sample_index", "times_index")["accuracy"].to_numpy().reshape(12, 12).mean(0)
            best.append(means.max())
            when.append(2.0 * means.argmax())
        half = 4.30265273 * np.std(best, ddof=1) / np.sqrt(3)
        assert row["mean"] == pytest.approx(np.mean(best))
        assert row["high"] - row["mean"] == pytest.approx(half)
        same = times.filter(
            pl.col("category_value") == row["category_value"], pl.col("parameter_value") == row["parameter_value"]
        )
        assert same["mean"][0] == pytest.approx(np.mean(when))


def test_performance_of_one_seed_has_the_error_of_its_samples() -> None:
    table = process.aggregate(
        [(factors(), process.process_test(outputs([[0, 0, 0], [0, 1, 1], [0, 1, 1]], [0, 1, 1]), {}))]
    )
    heights, times = summaries.performance(table, "accuracy", ["parameter_value"], "std")
    assert heights.row(0) == (5.0, 1.0, 1.0, 1.0, 3)
    assert times.row(0) == (5.0, 2.0, None, None, 1)


def test_time_course(experiment: pl.DataFrame) -> None:
    course = summaries.time_course(experiment, "accuracy", ["category_value", "parameter_value"])
    assert course["time"].unique().sort().to_list() == [2.0 * step for step in range(12)]
    row = course.filter(
        pl.col("category_value") == "none", pl.col("parameter_value") == 10, pl.col("times_index") == 7
    ).row(0, named=True)
    rows = experiment.filter(
        pl.col("category_value") == "none", pl.col("parameter_value") == 10, pl.col("times_index") == 7
    )
    means = [rows.filter(pl.col("seed") == seed)["accuracy"].mean() for seed in (1, 2, 3)]
    assert row["mean"] == pytest.approx(np.mean(means))  # type: ignore[arg-type]


def test_conditions_are_not_averaged_over(experiment: pl.DataFrame) -> None:
    with pytest.raises(BadInput, match="differ in 'category_value' \\(full, none\\)"):
        summaries.summarise(experiment, "accuracy", ["parameter_value", "times_index"])
    # What goes along with the parameter does not have to be named beside it.
    epochs = process.process_test(outputs([[0]], [0]), {})
    table = process.aggregate(
        [
            (factors(parameter="epoch", parameter_value=one, epoch=one, status=f"trained-epoch={one}"), epochs)
            for one in (1, 2)
        ]
    )
    assert summaries.summarise(table, "accuracy", ["parameter_value"])["mean"].to_list() == [1.0, 1.0]


def test_confusion() -> None:
    table = process.process_test(outputs([[0, 5], [2, 2], [2, 5], [0, 0]], [0, 2, 5, -1]), {})
    counts, classes, step = summaries.confusion(table)
    assert (classes, step) == ([0, 2, 5], 0)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    counts, classes, step = summaries.confusion(table, 1)
    assert (classes, step) == ([0, 2, 5], 1)
    assert counts.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 1]]
    with pytest.raises(BadInput, match="no step 7"):
        summaries.confusion(table, 7)
    with pytest.raises(BadInput, match="no sample with a class"):
        summaries.confusion(table.filter(pl.col("first_label_index") < 0))


def test_needs_no_torch() -> None:
    names = "process, measures, summaries"
    figures = (
        "adaption, classifier, comparison, confusion, dynamics, performance, responses, training, triptych, weights"
    )
    code = (
        f"import sys; from quadrat_studies.dynvision.analysis import {names}; "
        f"from quadrat_studies.dynvision.figures import {figures}, unrolling; "
        "print(sorted({'torch', 'matplotlib.pyplot', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")

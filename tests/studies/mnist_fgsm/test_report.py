"""Averages over seeds, the table's exact text, and the figures of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from quadrat import BadInput
from quadrat_studies.mnist_fgsm.figures import accuracy_figure, attack_figure
from quadrat_studies.mnist_fgsm.report import METRICS, seed_averages, table_text, write_table


def run(seed: int, acc: float, **inputs: Any) -> dict[str, Any]:
    settings = {"num_epochs": 1, "batch_size": 128, "hidden_size": 64, "learning_rate": 2e-4, "dropout_prob": 0.1}
    metrics = {"test_acc": acc, "test_loss": 1 - acc, "val_acc": acc, "val_loss": 0.5, "fgsm_acc": acc / 2}
    return settings | {"fgsm_epsilon": 0.05, "seed": seed} | metrics | inputs


RUNS = [run(1, 0.90), run(2, 0.92), run(3, 0.94), run(1, 0.95, num_epochs=5)]

GOLDEN = """\
num_epochs, batch_size, hidden_size, learning_rate, dropout_prob, fgsm_epsilon, seeds, test_acc_avg, test_acc_std, \
test_loss_avg, test_loss_std, val_acc_avg, val_acc_std, val_loss_avg, val_loss_std, fgsm_acc_avg, fgsm_acc_std
         1,        128,          64,        0.0002,          0.1,         0.05,     3,     0.920000,     0.020000, \
     0.080000,      0.020000,    0.920000,    0.020000,     0.500000,     0.000000,     0.460000,     0.010000
         5,        128,          64,        0.0002,          0.1,         0.05,     1,     0.950000,             , \
     0.050000,              ,    0.950000,            ,     0.500000,             ,     0.475000,             \n"""


def test_table_text(tmp_path: Path) -> None:
    path = write_table(seed_averages(RUNS), tmp_path / "analysis")
    assert path.relative_to(tmp_path).as_posix() == "analysis/output_avg_std_of_seed_txt_filename.txt"
    assert path.read_text(encoding="utf-8") == GOLDEN


def test_pandas_reads_the_table_with_its_empty_cells(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(write_table(seed_averages(RUNS), tmp_path), skipinitialspace=True)
    assert list(frame["seeds"]) == [3, 1]
    assert list(frame["fgsm_acc_avg"]) == [0.46, 0.475]
    assert frame["test_acc_std"].isna().tolist() == [False, True]
    assert frame["learning_rate"].tolist() == [2e-4, 2e-4]


def test_one_seed_has_no_deviation_and_groups_may_be_uneven() -> None:
    three, one = seed_averages(RUNS)
    assert three["seeds"] == 3
    assert three["test_acc_std"] == pytest.approx(0.02)  # the divisor is n - 1
    assert one["seeds"] == 1
    assert [one[f"{metric}_std"] for metric in METRICS] == [None] * 5


def test_a_polars_frame_is_as_good_as_rows() -> None:
    polars = pytest.importorskip("polars")
    averages = seed_averages(polars.DataFrame(RUNS))
    assert averages == seed_averages(RUNS)
    assert table_text(polars.DataFrame(averages)) == GOLDEN


def test_order_of_runs_does_not_matter() -> None:
    assert seed_averages(RUNS[::-1]) == seed_averages(RUNS)


def test_attack_domains_are_averaged_apart_and_told_apart() -> None:
    runs = [run(seed, 0.9, attack_domain=domain) for seed in (1, 2) for domain in ("pixel", "normalised_clamp")]
    averages = seed_averages(runs)
    assert [(row["attack_domain"], row["seeds"]) for row in averages] == [("normalised_clamp", 2), ("pixel", 2)]
    assert "attack_domain" in table_text(averages)
    assert "attack_domain" not in table_text(averages[:1])


def test_a_diverged_training_shows() -> None:
    (row,) = seed_averages([run(1, 0.9, test_loss=math.nan), run(2, 0.9)])
    assert math.isnan(row["test_loss_avg"])
    assert math.isnan(row["test_loss_std"])
    assert row["test_acc_std"] == 0


def test_bad_rows_are_refused() -> None:
    with pytest.raises(BadInput, match="seed 1 occurs twice"):
        seed_averages([run(1, 0.9), run(1, 0.8)])
    with pytest.raises(BadInput, match="no fgsm_acc"):
        seed_averages([{k: v for k, v in run(1, 0.9).items() if k != "fgsm_acc"}])


def test_an_empty_table_is_its_head() -> None:
    assert table_text([]).splitlines()[0].startswith("num_epochs, batch_size")


def test_figures_are_written_and_repeat(tmp_path: Path) -> None:
    runs = [run(s, 0.9 - p - s / 100, dropout_prob=p, num_epochs=e) for s in (1, 2) for p in (0.0, 0.5) for e in (1, 5)]
    averages = seed_averages(runs)
    for draw in (accuracy_figure, attack_figure):
        first = draw(averages, tmp_path / "one" / draw.__name__)
        assert [path.suffix for path in first] == [".pdf", ".svg", ".png"]
        for path, again in zip(first, draw(averages, tmp_path / "two" / draw.__name__), strict=True):
            assert path.read_bytes() == again.read_bytes()
    svg = (tmp_path / "one" / "accuracy_figure.svg").read_text(encoding="utf-8")
    for words in ("dropout probability", "test accuracy", "2 seeds", "1 epoch", "5 epochs"):
        assert words in svg


def test_several_epsilons_are_the_axis(tmp_path: Path) -> None:
    runs = [run(1, 0.9 - e, fgsm_epsilon=e, attack_domain="pixel") for e in (0.0, 0.1, 0.2)]
    (path,) = attack_figure(seed_averages(runs), tmp_path / "attack", formats=["svg"])
    assert "attack strength ε (pixel range)" in path.read_text(encoding="utf-8")

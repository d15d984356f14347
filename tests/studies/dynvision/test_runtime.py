"""Training that can be interrupted, goes on, and gives the same numbers; testing, and what it records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from quadrat import BadInput
from quadrat.ml.lightning import close_loggers, drop_links
from quadrat_studies.dynvision.architectures import make_model
from quadrat_studies.dynvision.images.batches import Batches
from quadrat_studies.dynvision.images.presets import PRESETS
from quadrat_studies.dynvision.loaders import make_loader
from quadrat_studies.dynvision.networks import RecurrentNetwork, build
from quadrat_studies.dynvision.params import Testing as Settings
from quadrat_studies.dynvision.params import Training
from quadrat_studies.dynvision.runtime.fitting import LAST, Fit, fit
from quadrat_studies.dynvision.runtime.loggers import make_loggers
from quadrat_studies.dynvision.runtime.optimising import make_optimiser, scaled_rate
from quadrat_studies.dynvision.runtime.responses import as_pt, read_responses
from quadrat_studies.dynvision.runtime.testing import Measured, run_test
from studies.dynvision.small import digits

QUICK = {"epochs": 3, "batch_size": 40, "accumulate_grad_batches": 1, "learning_rate": 5e-3}


class Cut(Exception):
    """Somebody has stopped the training."""


def network(**args: Any) -> RecurrentNetwork:
    return build(make_model("DyRCNNx2", {"tsteps": 4, **args}), 10, (1, 8, 8), seed=3)


def trained(folder: Path, cut_after: int | None = None, before: Path | None = None, **settings: Any) -> Fit:
    training = Training(**{**QUICK, **settings})
    loaders = (
        Batches(digits("train"), training.batch_size, shuffle=True, seed=7, augment=PRESETS["torch"]),
        Batches(digits("val"), training.batch_size),
    )

    def tell(epoch: int, values: dict[str, float]) -> None:
        if epoch == cut_after:
            raise Cut

    return fit(network(), training, loaders, 7, folder / "scratch", folder / "kept", before=before, tell=tell)


def same(one: Fit, other: Fit) -> bool:
    return (
        all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
        and all(torch.equal(one.best[name], other.best[name]) for name in one.best)
        and (one.history, one.best_epoch) == (other.history, other.best_epoch)
    )


def test_it_learns(tmp_path: Path) -> None:
    done = trained(tmp_path, epochs=12, learning_rate=2e-2)
    assert [values["epoch"] for values in done.history] == list(range(1, 13))
    assert done.history[-1]["train_loss"] < done.history[0]["train_loss"]
    assert done.last["val_acc"] > 0.3
    assert done.best_epoch == min(done.history, key=lambda values: values["val_loss"])["epoch"]


@pytest.mark.parametrize(
    "settings", [{}, {"pattern": "1011", "shufflepattern": True, "lossrt": 2.0, "activityloss": 0.1}]
)
def test_an_interrupted_training_goes_on_and_gives_the_same_bits(tmp_path: Path, settings: dict[str, Any]) -> None:
    whole = trained(tmp_path / "whole", **settings)
    with pytest.raises(Cut):
        trained(tmp_path / "cut", cut_after=2, **settings)
    assert (tmp_path / "cut" / "scratch" / LAST).exists()
    assert same(trained(tmp_path / "cut", **settings), whole)


def test_a_longer_training_goes_on_from_a_shorter_one(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", check_val_every_n_epoch=2)
    trained(tmp_path / "short", epochs=1, check_val_every_n_epoch=2)
    longer = trained(tmp_path / "long", before=tmp_path / "short" / "kept" / LAST, check_val_every_n_epoch=2)
    assert all(torch.equal(longer.weights[name], whole.weights[name]) for name in whole.weights)
    assert all(torch.equal(longer.best[name], whole.best[name]) for name in whole.best)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    trained(tmp_path, epochs=1)
    other = network(rctype="none")
    loaders = (Batches(digits("train"), 40), Batches(digits("val"), 40))
    with pytest.raises(BadInput, match="the checkpoint is of another model"):
        fit(other, Training(**QUICK), loaders, 7, tmp_path / "scratch", tmp_path / "kept")


def test_checkpoints_that_stay_and_early_stopping(tmp_path: Path) -> None:
    done = trained(tmp_path, epochs=40, save_every=2, early_stop=1, learning_rate=0.5)
    assert len(done.history) < 40
    names = sorted(file.name for file in (tmp_path / "kept").iterdir())
    assert LAST in names
    assert any(name.startswith("trained-epoch=2-02-") for name in names)


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "64"])
def test_precisions(tmp_path: Path, precision: str) -> None:
    if precision == "16-mixed" and not torch.cuda.is_available():
        precision = "bf16-mixed"
    done = trained(tmp_path, epochs=1, precision=precision)
    assert np.isfinite(done.last["train_loss"])


def test_accumulated_batches_and_clipping(tmp_path: Path) -> None:
    assert len(trained(tmp_path, epochs=1, accumulate_grad_batches=2, gradient_clip=1.0).history) == 1


def test_frames_of_the_loader_leave_pattern_and_reaction_time_out(tmp_path: Path) -> None:
    assert np.isfinite(trained(tmp_path, epochs=1, dsteps=2, pattern="01", lossrt=100.0).last["train_loss"])


def test_a_training_that_asks_for_no_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no step asks for an answer"):
        trained(tmp_path, lossrt=100.0)


@pytest.mark.parametrize(("name", "file"), [("tensorboard", "events.*"), ("wandb", "offline-run-*/run-*.wandb")])
def test_loggers_leave_files_and_no_links(tmp_path: Path, name: str, file: str) -> None:
    logs = tmp_path / "logs"
    loggers = make_loggers(Training(loggers=(name,)), logs)  # type: ignore[arg-type]
    loaders = (Batches(digits("train"), 40), Batches(digits("val"), 40))
    fit(network(), Training(**{**QUICK, "epochs": 1}), loaders, 7, tmp_path / "s", tmp_path / "k", loggers=loggers)
    close_loggers(loggers)
    drop_links(logs)
    assert list((logs / name).glob(file))
    assert not [path for path in logs.rglob("*") if path.is_symlink()]


def test_a_logger_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quadrat_studies.dynvision.runtime.loggers.find_spec", lambda name: None)
    with pytest.raises(BadInput, match="the logger 'wandb' is not installed"):
        make_loggers(Training(loggers=("wandb",)), tmp_path)


def test_learning_rates() -> None:
    assert scaled_rate(2e-4, 64) == 2e-4
    assert scaled_rate(2e-4, 128) == 4e-4
    assert scaled_rate(2e-4, 768) == pytest.approx(2e-4 * 12**0.5)
    optimiser, schedule = make_optimiser(network(feedback="add"), Training(batch_size=64, accumulate_grad_batches=1))
    rates = {group["name"]: group["lr"] for group in optimiser.param_groups}
    assert rates == pytest.approx({"recurrence": 4e-5, "feedback": 1e-4, "feedforward": 2e-4})
    assert schedule is not None


# --- tests ----------------------------------------------------------------------------------------------------------


def responded(
    folder: Path, loader: str = "StimulusDuration", **settings: Any
) -> tuple[Measured, pl.DataFrame, dict[str, Any], Any]:
    args = {"dsteps": 6, "stim": 3, "intro": 1} if loader == "StimulusDuration" else {"dsteps": 6}
    testing = Settings(loader=make_loader(loader, args), **settings)
    outputs, responses = folder / "outputs.csv", folder / "responses"
    measured = run_test(network(), testing, digits("test"), 5, outputs, responses)
    return measured, pl.read_csv(outputs), *read_responses(responses)


def test_answers_are_a_row_for_each_image_and_step(tmp_path: Path) -> None:
    measured, table, _, _ = responded(tmp_path)
    assert len(table) == 40 * 6
    assert table["label_index"].to_list()[:6] == [-1, 0, 0, 0, -1, -1]  # classes come by turns
    assert table["first_label_index"].to_list()[6:12] == [1] * 6
    right = table.filter(pl.col("label_index") >= 0).select(pl.col("guess_index") == pl.col("label_index"))
    assert measured.accuracy == pytest.approx(right.to_series().mean())
    best = table.group_by("times_index").agg((pl.col("guess_index") == pl.col("first_label_index")).mean())
    assert measured.peak_accuracy == pytest.approx(best["guess_index"].max())
    assert measured.images == 40


def test_responses_of_layers_and_of_units_agree(tmp_path: Path) -> None:
    for name in ("layer", "unit"):
        (tmp_path / name).mkdir()
    _, _, layers, about = responded(tmp_path / "layer")
    _, _, units, _ = responded(tmp_path / "unit", response_resolution="unit")
    assert about["classes"] == [str(number) for number in range(10)]
    assert units["layer1"].shape == (40, 6, 36, 8, 8)
    for layer in ("layer1", "layer2"):
        size = np.abs(units[layer].astype(np.float64))
        np.testing.assert_allclose(layers[f"{layer}/mean"], size.mean((2, 3, 4)), rtol=1e-2, atol=1e-5)
        np.testing.assert_allclose(layers[f"{layer}/std"], size.std((2, 3, 4)), rtol=1e-2, atol=1e-5)


def test_as_many_batches_are_recorded_as_asked_for(tmp_path: Path) -> None:
    _, table, responses, _ = responded(tmp_path, test_batch_size=8, record_batches=3, response_batches=2)
    assert len(table) == 3 * 8 * 6
    assert responses["classifier"].shape == (16, 6, 10)


def test_batches_change_nothing(tmp_path: Path) -> None:
    """Noise too is that of an image, however batches are cut."""
    for size in (7, 40):
        (tmp_path / str(size)).mkdir()
    found = [responded(tmp_path / str(size), "StimulusNoise", test_batch_size=size)[2] for size in (7, 40)]
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-4, atol=1e-5)


def test_feedforward_only_and_idle(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    _, table, _, _ = responded(tmp_path / "a", ffonly=True, idle=3)
    assert len(table) == 40 * 6
    seen: list[Tensor] = []
    model = network(rctype="none", skip=False)
    model(torch.zeros(1, 1, 8, 8), (0,), observe=lambda layer, start, activity: seen.append(activity))
    assert len(seen) == 2


def test_kept_responses_are_what_torch_loads(tmp_path: Path) -> None:
    _, _, responses, _ = responded(tmp_path)
    as_pt(tmp_path / "responses", tmp_path / "responses.pt")
    loaded = torch.load(tmp_path / "responses.pt", weights_only=True)
    assert loaded.keys() == responses.keys()
    np.testing.assert_array_equal(loaded["layer1/mean"], responses["layer1/mean"])

"""Networks, data, teachers and training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quadrat as qd
from quadrat_studies.lambda_hat import data as made
from quadrat_studies.lambda_hat import network, shapes, targets
from quadrat_studies.lambda_hat.params import Data, Model, Teacher, Training
from quadrat_studies.lambda_hat.presets import MODELS

pytestmark = pytest.mark.usefixtures("doubles")


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 8), st.integers(50, 100_000))
def test_a_solved_width_is_the_widest_that_fits(in_dim: int, out_dim: int, depth: int, wanted: int) -> None:
    def size(width: int) -> int:
        return (in_dim + 1) * width + (depth - 1) * width * (width + 1) + width * out_dim

    width = shapes.solved_width(wanted, in_dim, out_dim, depth)
    assert width == 1 or size(width) <= wanted
    assert size(width + 1) > wanted


def test_presets_have_the_sizes_that_they_are_known_by() -> None:
    assert network.student(Model(**MODELS["small"])).d == 45
    assert network.student(Model(**MODELS["base"])).d == pytest.approx(10_000, rel=0.05)
    assert network.student(Model(**MODELS["huge"])).d == pytest.approx(100_000, rel=0.05)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "identity"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_network_is_its_layers(activation: Any, bias: bool) -> None:
    import jax

    form = network.student(Model(in_dim=3, out_dim=2, depth=2, widths=(5, 4), activation=activation, bias=bias))
    w = np.random.default_rng(0).normal(size=form.d)
    x = np.random.default_rng(1).normal(size=(3, 7))
    out = x
    *hidden, last = form.layers(w)
    for weights, shift in hidden:
        out = np.asarray(weights).T @ out + (np.asarray(shift)[:, None] if shift is not None else 0)
        out = {
            "relu": np.maximum(out, 0),
            "tanh": np.tanh(out),
            "gelu": np.asarray(jax.nn.gelu(out, approximate=False)),
            "identity": out,
        }[activation]
    out = np.asarray(last[0]).T @ out + (np.asarray(last[1])[:, None] if last[1] is not None else 0)
    assert np.asarray(form(w, x)) == pytest.approx(out)


def test_skip_connections_really_add() -> None:
    options = {"in_dim": 3, "depth": 3, "widths": (4, 4, 4), "activation": "identity", "bias": False}
    plain, skipping = (network.student(Model(**options, skip_connections=on)) for on in (False, True))
    w = np.random.default_rng(0).normal(size=plain.d)
    x = np.random.default_rng(1).normal(size=(3, 7))
    first, second, third, last = (np.asarray(weights) for weights, _ in plain.layers(w))
    h1 = first.T @ x
    h3 = third.T @ second.T @ h1
    assert np.asarray(plain(w, x)) == pytest.approx(last.T @ h3)
    assert np.asarray(skipping(w, x)) == pytest.approx(last.T @ (h3 + h1))


def test_layernorm_normalises_before_the_activation() -> None:
    form = network.student(Model(in_dim=3, depth=1, widths=(50,), activation="identity", layernorm=True))
    w = np.random.default_rng(0).normal(size=form.d)
    ((weights, shift), (last, bias)) = form.layers(w)
    x = np.random.default_rng(1).normal(size=(3, 7))
    hidden = np.asarray(weights).T @ x + np.asarray(shift)[:, None]
    hidden = (hidden - hidden.mean(0)) / hidden.std(0)
    expected = np.asarray(last).T @ hidden + np.asarray(bias)[:, None]
    assert np.asarray(form(w, x)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"widths": (3, 3), "depth": 3}, "2 widths, but model.depth is 3"),
        ({}, "neither widths nor target_params"),
        ({"widths": (3, 3), "skip_connections": True}, "nothing to add"),
        ({"widths": (3, 4, 5), "depth": 3, "skip_connections": True}, "nothing to add"),
    ],
)
def test_sizes_that_do_not_fit(options: dict[str, Any], said: str) -> None:
    with pytest.raises(qd.BadInput, match=said):
        shapes.check_model(Model(**options))


def test_inputs_are_of_the_distribution_that_is_named() -> None:
    import jax

    key = jax.random.key(0)

    def drawn(**options: Any) -> np.ndarray[Any, Any]:
        return np.asarray(made.inputs(Data(n_data=20_000, **options), 6, key, np.dtype("float64")))

    assert drawn().std(0) == pytest.approx(np.ones(6), abs=0.05)
    assert drawn(x_dist="gauss_aniso", cov_decay=0.5).var(0) == pytest.approx(0.5 ** np.arange(6), rel=0.08)
    mixture = drawn(x_dist="mixture", mixture_k=3, mixture_spread=30.0)
    lengths = np.linalg.norm(mixture, axis=1)
    assert lengths.mean() == pytest.approx(30, abs=0.5)
    ways = mixture / lengths[:, None]
    centres: list[Any] = []
    for way in ways[:1000]:
        if not any(way @ centre > 0.9 for centre in centres):
            centres.append(way)
    assert len(centres) == 3
    flat = drawn(x_dist="lowdim_manifold", x_dim_latent=2)
    assert np.linalg.matrix_rank(np.arctanh(flat), tol=1e-6) == 2
    heavy = drawn(x_dist="heavy_tail", x_df=3.0)
    assert (np.abs(heavy) > 6).mean() > 50 * (np.abs(drawn()) > 6).mean()


def test_noise_is_of_the_model_that_is_named() -> None:
    import jax

    key, n = jax.random.key(0), 20_000
    x = np.random.default_rng(0).normal(size=(n, 2)) * np.array([[1.0, 5.0]])

    def drawn(**options: Any) -> np.ndarray[Any, Any]:
        return np.asarray(made.noise(Data(n_data=n, **options), x, (n, 1), key, np.dtype("float64")))[:, 0]

    assert drawn(noise_scale=0.3).std() == pytest.approx(0.3, rel=0.03)
    hetero = drawn(noise_model="hetero", noise_scale=0.3, hetero_scale=2.0)
    assert (hetero / (1 + 2 * np.linalg.norm(x, axis=1))).std() == pytest.approx(0.3, rel=0.03)
    outliers = drawn(noise_model="outliers", noise_scale=0.1, outlier_frac=0.2, outlier_scale=10.0)
    assert (np.abs(outliers) > 1).mean() == pytest.approx(0.2 * 0.92, abs=0.02)
    assert np.abs(drawn(noise_model="student_t", noise_scale=0.1, student_df=2.0)).max() > 3


def test_a_linear_teacher_has_its_rank() -> None:
    import jax

    x = np.eye(6)
    model = Model(in_dim=6, out_dim=4, widths=(3, 3))
    made_of = np.asarray(made.labels(model, Teacher(rank=2), x, jax.random.key(3), np.dtype("float64")))
    assert np.linalg.matrix_rank(made_of) == 2
    assert np.linalg.svd(made_of)[1][:2] == pytest.approx([1, 1])


def test_the_student_t_loss_is_its_density() -> None:
    from scipy import stats

    from quadrat_studies.lambda_hat.problem import network_loss

    form = network.student(Model(in_dim=2, depth=1, widths=(3,)))
    loss = network_loss(form, "t_regression", 5.0, 0.2)
    w = np.random.default_rng(0).normal(size=form.d)
    x = np.random.default_rng(1).normal(size=(2, 50))
    y = np.random.default_rng(2).normal(size=(1, 50))
    density = -stats.t(5.0, scale=0.2).logpdf(y - np.asarray(form(w, x))).mean()
    constant = -stats.t(5.0, scale=0.2).logpdf(0)
    assert float(loss(w, (x, y))) == pytest.approx(density - constant)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_training_reaches_a_minimum(optimizer: Any) -> None:
    model = Model(in_dim=3, depth=1, widths=(4,), activation="tanh")
    training = Training(optimizer=optimizer, learning_rate=0.3 if optimizer == "sgd" else 0.02, steps=4000)
    target = targets.build(model, Data(n_data=200), None, training, 1, "float64")
    assert target.minimum.grad_norm <= training.grad_tol
    assert target.minimum.loss < 0.02  # the noise is 0.01
    assert target.minimum.steps <= 4000


def test_training_that_does_not_converge_says_how_far_it_came() -> None:
    model = Model(widths=(4, 4))
    with pytest.raises(qd.QuadratError, match=r"gradient at w₀ has norm [\d.]+ after 3 steps") as error:
        targets.build(model, Data(n_data=100), None, Training(steps=3, grad_tol=1e-4), 1, "float64")
    assert "training.steps" in str(error.value.hint)
    with pytest.raises(qd.QuadratError, match="training diverged"):
        targets.build(model, Data(n_data=100), None, Training(optimizer="sgd", learning_rate=1e9), 1, "float64")


def test_a_target_survives_its_files(tmp_path: Path) -> None:
    model, data, training = Model(widths=(4, 4)), Data(n_data=100), Training(steps=500, grad_tol=1.0)
    target = targets.build(model, data, None, training, 1, "float32")
    files = tmp_path / "params.safetensors", tmp_path / "data.safetensors"
    targets.save(target, *files)
    problem = targets.open_problem(*files, model, data, training)
    assert np.array_equal(problem.w0, target.minimum.w0)
    assert problem.w0.dtype == np.float32
    assert np.array_equal(problem.data[0].T, target.x)
    assert float(problem.loss(problem.w0, problem.data)) == pytest.approx(target.minimum.loss, rel=1e-6)
    told = json.loads(targets.meta(target, "tgt_1", {"model_cfg": {"depth": 2}}, 1, "float32"))
    assert told["dims"] == {"n": 100, "d": 4, "p": 45}
    assert told["versions"]["jax"]


def test_the_same_seed_gives_the_same_target() -> None:
    options = (Model(widths=(4, 4)), Data(n_data=50), None, Training(steps=50, grad_tol=100.0))
    one, two, other = (targets.build(*options, seed, "float64").minimum.loss for seed in (3, 3, 4))
    assert one == two
    assert one != other

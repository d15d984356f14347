"""FGSM: its bounds, its closed form on a linear model, its gradient, what is counted and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from quadrat import BadInput
from quadrat_studies.mnist_fgsm.attack import Attacked, Domain, Examples, attack, perturb
from quadrat_studies.mnist_fgsm.gallery import examples_figure
from quadrat_studies.mnist_fgsm.model import Network, Shape
from quadrat_studies.mnist_fgsm.tensors import Tensors
from quadrat_studies.mnist_fgsm.training import Outcome, Seed, TrainSpec, train

Seeds = Callable[[int], Seed]


@pytest.fixture(scope="module")
def trained(digits: Tensors, seeds: Seeds) -> Outcome:
    return train(TrainSpec(num_epochs=20, hidden_size=32, batch_size=64, learning_rate=2e-3), digits, seeds(1))


def pixels(data: Tensors, images: torch.Tensor) -> torch.Tensor:
    return images * data.std + data.mean


@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.1, 0.7, 3.0])
def test_pixels_stay_within_epsilon_and_within_the_range(digits: Tensors, trained: Outcome, epsilon: float) -> None:
    images = digits.normalise(digits.test_images)
    network = trained.state.network()
    before = pixels(digits, images)
    after = pixels(digits, perturb(network, digits, images, digits.test_labels, epsilon, "pixel"))
    assert float((after - before).abs().max()) <= epsilon + 1e-5
    assert float(after.min()) >= -1e-6
    assert float(after.max()) <= 1 + 1e-6


def test_direction_is_autograds(digits: Tensors, trained: Outcome) -> None:
    images = digits.normalise(digits.test_images).requires_grad_()
    network = trained.state.network()
    w, b = [t[0] for t in network.weights], [t[0, 0] for t in network.biases]
    hidden = functional.relu(functional.linear(functional.relu(functional.linear(images, w[0], b[0])), w[1], b[1]))
    # In float64 the gradient of a confident prediction does not round to zero.
    functional.cross_entropy(
        functional.linear(hidden, w[2], b[2]).double(), digits.test_labels, reduction="sum"
    ).backward()
    assert images.grad is not None
    step = 1e-3
    moved = perturb(network, digits, images.detach(), digits.test_labels, step, "pixel")
    free = (digits.test_images > 0) & (digits.test_images < digits.white)
    towards = ((moved - images.detach()) * digits.std / step).round()
    agree = (towards == images.grad.sign())[free].float().mean()
    assert agree > 0.999  # the rest are gradients that vanish to rounding


def test_closed_form_on_a_linear_model(digits: Tensors) -> None:
    """Hidden units held positive make the network linear, z = V x + c, and for two classes the step is known.

    The gradient is (1 - p) (V_other - V_true), so x' = x + ε sign(V_other - V_true) whatever x is.
    """
    shape = Shape(4, 4)
    flat = torch.zeros(1, shape.parameters)
    network = Network(shape, flat)
    network.weights[0][0] = torch.eye(4)
    network.biases[0][0] = 100.0
    network.weights[1][0] = torch.eye(4)
    direction = torch.tensor([1.0, -2.0, 3.0, -4.0])  # class 3 has no chance: float32 knows no exp(-200)
    network.weights[2][0, 3] = direction
    network.biases[2][0, 0] = -1e4  # two classes only: 3 and 7
    network.biases[2][0, 0, [3, 7]] = 0.0
    images = digits.normalise(torch.full((2, 4), 8, dtype=torch.uint8))
    labels = torch.tensor([3, 7])
    moved = pixels(digits, perturb(network, digits, images, labels, 0.25, "pixel"))
    expected = 0.5 + 0.25 * torch.stack([-direction.sign(), direction.sign()])
    assert torch.allclose(moved, expected, atol=1e-5)


def test_confident_predictions_are_attacked_too(digits: Tensors, trained: Outcome) -> None:
    """Weights times ten saturate the softmax, which must not mask the gradient."""
    state = trained.state
    sharp = Network(state.shape, state.weights.clone().unsqueeze(0))
    sharp.weights[2].mul_(10)
    sharp.biases[2].mul_(10)
    images = digits.normalise(digits.test_images)
    moved = perturb(sharp, digits, images, digits.test_labels, 0.05, "normalised_clamp")
    middle = (images > 0.05) & (images < 0.95)
    assert ((moved - images)[middle].abs() > 0.04).float().mean() > 0.99


def test_normalised_clamp_takes_everything_in_normalised_units(digits: Tensors, trained: Outcome) -> None:
    images = digits.normalise(digits.test_images)
    moved = perturb(trained.state.network(), digits, images, digits.test_labels, 0.05, "normalised_clamp")
    assert float(moved.min()) == 0.0
    assert float(moved.max()) == 1.0
    assert float((moved - images.clamp(0, 1)).abs().max()) <= 0.05 + 1e-6


def test_counts_and_examples(digits: Tensors, trained: Outcome, tmp_path: Path) -> None:
    found = attack(trained.state.network(), digits, 0.1)
    assert found.right_before / 360 == trained.metrics["test_acc"]
    assert found.fgsm_acc == found.right_after / found.right_before
    assert 0 < found.fgsm_acc < 1
    examples = found.examples
    assert examples.original.shape == examples.adversarial.shape == (5, 8, 8)
    assert np.all(np.diff(examples.index) > 0)
    assert np.all(examples.predicted != examples.label)
    assert np.array_equal(examples.label, digits.test_labels.numpy()[examples.index])
    expected = digits.test_images.numpy()[examples.index].reshape(-1, 8, 8) / digits.white
    assert np.allclose(examples.original, expected, atol=1e-6)
    assert np.abs(examples.adversarial - examples.original).max() <= 0.1 + 1e-6

    examples.save(tmp_path / "examples.npz")
    again = Examples.load(tmp_path / "examples.npz")
    assert np.array_equal(again.adversarial, examples.adversarial)
    assert (again.epsilon, again.domain) == (0.1, "pixel")


def test_no_step_fools_nobody(digits: Tensors, trained: Outcome) -> None:
    found = attack(trained.state.network(), digits, 0.0)
    assert found.fgsm_acc == 1.0
    assert len(found.examples.label) == 0


def test_stronger_is_worse(digits: Tensors, trained: Outcome) -> None:
    found = [attack(trained.state.network(), digits, epsilon).fgsm_acc for epsilon in (0.0, 0.05, 0.1, 0.2)]
    assert found == sorted(found, reverse=True)


def test_always_wrong_has_no_accuracy(digits: Tensors, trained: Outcome) -> None:
    wrong = replace(digits, test_labels=torch.full_like(digits.test_labels, 3))
    constant = Network(trained.state.shape, torch.zeros(1, trained.state.shape.parameters))
    assert np.isnan(attack(constant, wrong, 0.1).fgsm_acc)


@pytest.mark.parametrize(("epsilon", "domain"), [(-0.1, "pixel"), (float("nan"), "pixel"), (0.1, "pixels")])
def test_bad_settings_are_named(digits: Tensors, trained: Outcome, epsilon: float, domain: Domain) -> None:
    with pytest.raises(BadInput):
        attack(trained.state.network(), digits, epsilon, domain)


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_examples_are_drawn(digits: Tensors, trained: Outcome, tmp_path: Path, epsilon: float) -> None:
    found: Attacked = attack(trained.state.network(), digits, epsilon)
    path = examples_figure(found.examples, tmp_path / "examples.png")
    assert path == tmp_path / "examples.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    again = examples_figure(found.examples, tmp_path / "again.png")
    assert again.read_bytes() == path.read_bytes()

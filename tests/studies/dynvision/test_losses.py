"""Losses and accuracies, against the formulas written out."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from quadrat_studies.dynvision.losses import ActivityLoss, accuracy, confidence, cross_entropy, first_labels


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def made(seed: int, images: int = 3, steps: int = 4, classes: int = 5) -> tuple[Tensor, Tensor]:
    """Logits (B, T, K) and labels (B, T), some of them −1."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, steps, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(-1, classes, (images, steps), generator=generator)


def asked(logits: Tensor, labels: Tensor) -> list[tuple[list[float], int]]:
    """The logits and the label of each answer that is asked for."""
    pairs = zip(logits.flatten(0, 1).tolist(), labels.flatten().tolist(), strict=True)
    return [(row, label) for row, label in pairs if label >= 0]


# Cross entropy


@given(st.integers(0, 10_000))
def test_cross_entropy_is_the_mean_over_what_is_asked_for(seed: int) -> None:
    logits, labels = made(seed)
    costs = [math.log(sum(map(math.exp, row))) - row[label] for row, label in asked(logits, labels)]
    expected = sum(costs) / len(costs) if costs else 0.0
    assert cross_entropy(logits, labels).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_where_nothing_is_asked_for_loss_and_gradients_are_zero() -> None:
    logits = made(1)[0].requires_grad_()
    loss = cross_entropy(logits, torch.full((3, 4), -1))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_only_what_is_asked_for_has_gradients() -> None:
    logits = made(2)[0].requires_grad_()
    labels = torch.tensor([[-1, -1, 2, 0], [-1, 1, 1, -1], [3, -1, -1, -1]])
    cross_entropy(logits, labels).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad.abs().sum(-1) > 0, labels >= 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_with_in_float32(dtype: torch.dtype) -> None:
    logits = torch.randn(64, 20, 100, generator=torch.Generator().manual_seed(0)).to(dtype)
    labels = torch.arange(64 * 20).view(64, 20) % 101 - 1
    exact = cross_entropy(logits.double(), labels)
    with torch.autocast("cpu", torch.bfloat16):
        inside = cross_entropy(logits, labels)
    for found in (inside, cross_entropy(logits, labels)):
        assert found.dtype == torch.float32
        assert found.item() == pytest.approx(exact.item(), rel=1e-5)
    assert exact.dtype == torch.float64


# Loss of activity


def whole(layers: dict[str, Tensor], mode: str, p: float) -> float:
    """The formula over whole sequences (T, B, C, H, W)."""
    terms: list[float] = []
    for activity in layers.values():
        for step in activity:
            sizes: list[float] = []
            for a in step:
                if mode == "signed":
                    sizes.append(abs(a.mean().item()))
                else:
                    sizes.append((a.abs() ** p).sum().item() ** (1 / p) / a.numel() ** (1 / p))
            terms.append(sum(sizes) / len(sizes))
    return sum(terms) / len(terms)


@given(
    seed=st.integers(0, 10_000),
    cuts=st.sets(st.integers(1, 5)),
    mode=st.sampled_from(["absolute", "signed"]),
    p=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
)
def test_blocks_add_up_to_the_whole_sequence(seed: int, cuts: set[int], mode: str, p: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    layers = {  # the second is reached two steps late
        "V1": torch.randn(6, 2, 3, 4, 5, generator=generator, dtype=torch.float64),
        "V2": torch.randn(4, 2, 2, 2, 3, generator=generator, dtype=torch.float64),
    }
    loss = ActivityLoss(mode, p)  # type: ignore[arg-type]
    edges = [0, *sorted(cuts), 6]
    for layer, activity in layers.items():
        late = 6 - len(activity)
        for start, stop in itertools.pairwise(edges):
            block = activity[max(start - late, 0) : max(stop - late, 0)]
            if len(block):
                loss(layer, max(start, late), block)
    assert loss.value().item() == pytest.approx(whole(layers, mode, p), rel=1e-9)


@pytest.mark.parametrize("mode", ["absolute", "signed"])
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
def test_it_is_one_for_ones_whatever_the_size_and_has_gradients(mode: str, p: float) -> None:
    loss = ActivityLoss(mode, p)  # type: ignore[arg-type]
    small, large = torch.ones(2, 3, 1, 2, 2, requires_grad=True), torch.ones(5, 3, 4, 8, 8, requires_grad=True)
    loss("a", 0, small)
    loss("b", 0, large)
    value = loss.value()
    assert value.item() == pytest.approx(1, rel=1e-5)
    assert (torch.autograd.grad(value, small)[0] > 0).all()


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
def test_a_silent_layer_has_no_gradients_but_is_no_nan(p: float) -> None:
    silent = torch.zeros(2, 3, 1, 2, 2, requires_grad=True)
    loss = ActivityLoss(p=p)
    loss("a", 0, silent)
    assert torch.equal(torch.autograd.grad(loss.value(), silent)[0], torch.zeros_like(silent))


def test_large_activities_in_half_precision_do_not_overflow() -> None:
    loss = ActivityLoss(p=2.0)
    with torch.autocast("cpu", torch.bfloat16):
        loss("a", 0, torch.full((1, 1, 64, 16, 16), 1000.0, dtype=torch.float16))
    assert loss.value().dtype == torch.float32
    assert loss.value().item() == pytest.approx(1000, rel=1e-4)


def test_a_loss_of_no_layer_is_no_silent_zero() -> None:
    with pytest.raises(ValueError, match="no layer's activity was observed"):
        ActivityLoss().value()


def test_losses_do_not_share_what_they_have_seen() -> None:
    first, second = ActivityLoss(), ActivityLoss()
    first("a", 0, torch.ones(1, 1, 1, 1, 1))
    second("a", 0, torch.full((1, 1, 1, 1, 1), 3.0))
    assert (first.value().item(), second.value().item()) == (1, 3)


# Accuracy and confidence


@given(seed=st.integers(0, 10_000), top=st.integers(1, 7))
def test_accuracy_is_the_share_of_what_is_asked_for(seed: int, top: int) -> None:
    logits, labels = made(seed)
    right = [label in sorted(range(5), key=row.__getitem__)[-top:] for row, label in asked(logits, labels)]
    found = accuracy(logits, labels, top).item()
    assert found == pytest.approx(sum(right) / len(right)) if right else math.isnan(found)


def test_equal_logits_are_one_guess_and_not_all_classes() -> None:
    labels = torch.arange(5).view(1, 5)
    assert accuracy(torch.zeros(1, 5, 5), labels).item() == pytest.approx(0.2)
    assert accuracy(torch.zeros(1, 5, 5), labels, top=3).item() == pytest.approx(0.6)


def test_the_first_label_is_the_first_that_there_is() -> None:
    labels = torch.tensor([[-1, 3, 3, -1], [0, 1, 2, 3], [-1, -1, -1, -1], [-1, -1, -1, 0]])
    assert first_labels(labels).tolist() == [3, 0, -1, 0]


@given(st.integers(0, 10_000))
def test_confidence_is_told_at_every_step(seed: int) -> None:
    logits, labels = made(seed)
    found = confidence(logits, labels)
    for image, (rows, own) in enumerate(zip(logits.tolist(), labels.tolist(), strict=True)):
        label = next((one for one in own if one >= 0), None)
        for step, row in enumerate(rows):
            shares = [math.exp(one) / sum(map(math.exp, row)) for one in row]
            assert found.guess[image, step].item() == pytest.approx(max(shares))
            given_label = found.first_label[image, step].item()
            assert math.isnan(given_label) if label is None else given_label == pytest.approx(shares[label])


def test_probabilities_of_half_precision_logits_add_up() -> None:
    found = confidence(torch.zeros(1, 1, 1000, dtype=torch.float16), torch.zeros(1, 1, dtype=torch.int64))
    assert found.guess.item() == pytest.approx(1e-3, rel=1e-6)

"""Training: the written-out gradient, continuing, lanes beside each other, seeds, MNIST's known numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from quadrat import BadInput
from quadrat_studies.mnist_fgsm import datasets, tensors
from quadrat_studies.mnist_fgsm.fused import train_many, train_stacked
from quadrat_studies.mnist_fgsm.model import Network, Shape
from quadrat_studies.mnist_fgsm.state import State, load_state
from quadrat_studies.mnist_fgsm.streams import Streams
from quadrat_studies.mnist_fgsm.training import Outcome, Seed, TrainSpec, train

Seeds = Callable[[int], Seed]

SPEC = TrainSpec(num_epochs=3, batch_size=100, hidden_size=16, learning_rate=3e-3, dropout_prob=0.25)


def same(one: Outcome, other: Outcome) -> bool:
    a, b = one.state, other.state
    assert a.exp_avg is not None
    assert b.exp_avg is not None
    assert a.exp_avg_sq is not None
    assert b.exp_avg_sq is not None
    pairs = ((a.weights, b.weights), (a.exp_avg, b.exp_avg), (a.exp_avg_sq, b.exp_avg_sq))
    return all(torch.equal(x, y) for x, y in pairs) and one.metrics == other.metrics and a.step == b.step


def test_gradient_is_autograds() -> None:
    generator = torch.Generator().manual_seed(0)
    shape, lanes, batch = Shape(12, 5), 3, 7
    flat = torch.stack([shape.initial(generator) for _ in range(lanes)])
    x = torch.randn(lanes, batch, 12, generator=generator)
    labels = torch.randint(10, (lanes, batch), generator=generator)
    kept = torch.tensor([1.0, 0.8, 0.5]).view(-1, 1, 1)
    masks = [(torch.rand(lanes, batch, 5, generator=generator) < kept) / kept for _ in range(2)]
    out = Network(shape, torch.empty_like(flat))
    Network(shape, flat).gradient(x, functional.one_hot(labels, 10).float(), (masks[0], masks[1]), 1 / kept, out)

    for lane in range(lanes):
        parameters = flat[lane].clone().requires_grad_()
        w1, b1, w2, b2, w3, b3 = (view for _, view in shape.views(parameters))
        hidden = functional.relu(functional.linear(x[lane], w1, b1)) * masks[0][lane]
        hidden = functional.relu(functional.linear(hidden, w2, b2)) * masks[1][lane]
        functional.nll_loss(functional.log_softmax(functional.linear(hidden, w3, b3), -1), labels[lane]).backward()
        assert parameters.grad is not None
        assert torch.allclose(out.flat[lane], parameters.grad, atol=1e-6)


def test_adam_is_torchs(digits: tensors.Tensors, seeds: Seeds) -> None:
    """Without dropout the whole training is a plain loop with autograd and torch.optim.Adam, to rounding."""
    spec = replace(SPEC, num_epochs=2, dropout_prob=0.0)
    streams = Streams(seeds(1))
    shape = Shape(64, spec.hidden_size)
    parameters = [v.clone().requires_grad_() for _, v in shape.views(shape.initial(streams.generator("init")))]
    adam = torch.optim.Adam(parameters, lr=spec.learning_rate)
    x = digits.normalise(digits.train_images)
    for epoch in (1, 2):
        for chosen in streams.order(streams.split(len(x))[0], epoch).split(spec.batch_size):
            w1, b1, w2, b2, w3, b3 = parameters
            hidden = functional.relu(functional.linear(x[chosen], w1, b1))
            logits = functional.linear(functional.relu(functional.linear(hidden, w2, b2)), w3, b3)
            adam.zero_grad()
            functional.cross_entropy(logits, digits.train_labels[chosen]).backward()
            adam.step()
    expected = torch.cat([p.detach().flatten() for p in parameters])
    assert torch.allclose(train(spec, digits, seeds(1)).state.weights, expected, atol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_continuing_from_a_file_gives_the_same_bits(
    digits: tensors.Tensors, seeds: Seeds, tmp_path: Path, dropout: float
) -> None:
    spec = replace(SPEC, dropout_prob=dropout)
    train(replace(spec, num_epochs=1), digits, seeds(1)).state.save(tmp_path / "weights.safetensors")
    start = load_state(tmp_path / "weights.safetensors")
    assert same(train(spec, digits, seeds(1), start), train(spec, digits, seeds(1)))
    assert start.epochs == 1


def test_no_epoch_left_only_evaluates(digits: tensors.Tensors, seeds: Seeds) -> None:
    done = train(SPEC, digits, seeds(1))
    assert same(train(SPEC, digits, seeds(1), done.state), done)


@pytest.mark.parametrize(
    ("spec", "seed", "expected"),
    [
        (replace(SPEC, learning_rate=0.1), 1, r"learning_rate 0.003 \(asked for 0.1\)"),
        (replace(SPEC, num_epochs=1), 1, r"2 epochs \(asked for 1\)"),
        (SPEC, 2, "seeds"),
    ],
)
def test_another_trainings_state_is_refused(
    digits: tensors.Tensors, seeds: Seeds, spec: TrainSpec, seed: int, expected: str
) -> None:
    start = train(replace(SPEC, num_epochs=2), digits, seeds(1)).state
    with pytest.raises(BadInput, match=expected):
        train(spec, digits, seeds(seed), start)


def test_weights_alone_cannot_be_continued(digits: tensors.Tensors, seeds: Seeds, tmp_path: Path) -> None:
    done = train(replace(SPEC, num_epochs=1), digits, seeds(1)).state
    done.save(tmp_path / "w.safetensors")
    only = load_state(tmp_path / "w.safetensors", moments=False)
    assert torch.equal(only.weights, done.weights)
    with pytest.raises(BadInput, match="no Adam moments"):
        train(SPEC, digits, seeds(1), only)


def test_lanes_are_what_each_is_alone(digits: tensors.Tensors, seeds: Seeds) -> None:
    """Other seeds, dropouts and learning rates beside it change no bit of a lane, nor does the order of lanes."""
    mixed = [(1, 0.25, 3e-3), (2, 0.0, 3e-3), (1, 0.5, 1e-3), (3, 0.25, 1e-3), (4, 0.0, 1e-2)]
    specs = [replace(SPEC, dropout_prob=p, learning_rate=rate) for _, p, rate in mixed]
    lanes = [seeds(seed) for seed, _, _ in mixed]
    together = list(train_many(specs, digits, lanes))
    backwards = list(train_many(specs[::-1], digits, lanes[::-1]))[::-1]
    for spec, seed, one, other in zip(specs, lanes, together, backwards, strict=True):
        alone = train(spec, digits, seed)
        assert same(alone, one)
        assert same(alone, other)


def test_stacked_lanes_are_what_each_is_alone_to_rounding(digits: tensors.Tensors, seeds: Seeds) -> None:
    """The accelerator's form, here on the CPU: kernels may round otherwise in a batch, and nothing else may differ.

    After 42 steps at rates up to .01 rounding has grown to 1e-6; another mask or order moves weights by 1e-2.
    """
    mixed = [(1, 0.25, 3e-3), (2, 0.0, 3e-3), (1, 0.5, 1e-3), (3, 0.25, 1e-3), (4, 0.0, 1e-2)]
    specs = [replace(SPEC, dropout_prob=p, learning_rate=rate) for _, p, rate in mixed]
    lanes = [Streams(seeds(seed)) for seed, _, _ in mixed]
    told: list[tuple[int, int]] = []
    together = train_stacked(specs, digits, lanes, [None] * 5, lambda lane, epoch, _: told.append((lane, epoch)))
    assert told == [(lane, epoch) for epoch in (1, 2, 3) for lane in range(5)]
    for spec, (seed, _, _), outcome in zip(specs, mixed, together, strict=True):
        alone = train(spec, digits, seeds(seed))
        assert torch.allclose(outcome.state.weights, alone.state.weights, rtol=0, atol=1e-4)
        assert outcome.metrics["test_loss"] == pytest.approx(alone.metrics["test_loss"], abs=1e-3)


def test_lanes_continue_too(digits: tensors.Tensors, seeds: Seeds) -> None:
    specs, lanes = [SPEC, replace(SPEC, dropout_prob=0.0)], [seeds(1), seeds(2)]
    early = [outcome.state for outcome in train_many([replace(s, num_epochs=1) for s in specs], digits, lanes)]
    late = train_many(specs, digits, lanes, early)
    assert all(same(a, b) for a, b in zip(late, train_many(specs, digits, lanes), strict=True))


def test_lanes_that_do_not_fit_are_refused(digits: tensors.Tensors, seeds: Seeds) -> None:
    with pytest.raises(BadInput, match="one batch_size"):
        train_many([SPEC, replace(SPEC, batch_size=50)], digits, [seeds(1), seeds(2)])
    start = train(replace(SPEC, num_epochs=1), digits, seeds(1)).state
    with pytest.raises(BadInput, match="equally many epochs"):
        train_many([SPEC, SPEC], digits, [seeds(1), seeds(2)], [start, None])


def test_each_epoch_is_told_and_the_last_is_the_result(digits: tensors.Tensors, seeds: Seeds) -> None:
    told: list[tuple[int, dict[str, float]]] = []
    outcome = train(SPEC, digits, seeds(1), on_epoch=lambda epoch, metrics: told.append((epoch, metrics)))
    assert [epoch for epoch, _ in told] == [1, 2, 3]
    assert told[-1][1] == {name: outcome.metrics[name] for name in ("val_acc", "val_loss")}
    assert outcome.metrics == train(SPEC, digits, seeds(1)).metrics


def test_each_lane_is_told_by_its_number(digits: tensors.Tensors, seeds: Seeds) -> None:
    told: list[tuple[int, int]] = []
    spec = replace(SPEC, num_epochs=1)
    outcomes = train_many(
        [spec, spec], digits, [seeds(1), seeds(2)], on_epoch=lambda lane, epoch, _: told.append((lane, epoch))
    )
    next(outcomes)
    assert told == [(0, 1)]  # each outcome when it is done
    next(outcomes)
    assert told == [(0, 1), (1, 1)]


@pytest.mark.parametrize("purpose", ["split", "init", "order", "dropout"])
def test_every_purpose_matters(digits: tensors.Tensors, seeds: Seeds, purpose: str) -> None:
    usual = seeds(1)
    other = train(SPEC, digits, lambda p: usual(p) + (p == purpose))
    assert not torch.equal(other.state.weights, train(SPEC, digits, usual).state.weights)


def test_split_and_order_are_permutations(seeds: Seeds) -> None:
    streams = Streams(seeds(1))
    kept, held_out = streams.split(60000)
    assert (len(kept), len(held_out)) == (55000, 5000)
    assert torch.equal(torch.cat([kept, held_out]).sort().values, torch.arange(60000))
    first, second = streams.order(kept, 1), streams.order(kept, 2)
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, second.sort().values)


def test_seeds_that_differ_beyond_32_bits_differ(seeds: Seeds) -> None:
    """torch's CPU generator would take them for one seed."""
    one, other = Streams(lambda _: 5), Streams(lambda _: 5 + 2**32)
    assert one.generator("init").initial_seed() != other.generator("init").initial_seed()
    assert one.generator("order", 1).initial_seed() != one.generator("order", 2).initial_seed()


def test_saved_weights_are_a_torch_models(digits: tensors.Tensors, seeds: Seeds, tmp_path: Path) -> None:
    """The file's names and shapes are those of torch.nn.Linear layers, so others can load it without this code."""
    from safetensors.torch import load_file

    outcome = train(SPEC, digits, seeds(1))
    outcome.state.save(tmp_path / "w.safetensors")
    layers = torch.nn.ModuleDict(
        {"hidden1": torch.nn.Linear(64, 16), "hidden2": torch.nn.Linear(16, 16), "output": torch.nn.Linear(16, 10)}
    )
    tensors_of_file = load_file(tmp_path / "w.safetensors")
    layers.load_state_dict({name: t for name, t in tensors_of_file.items() if not name.startswith("exp_avg")})
    x = digits.normalise(digits.test_images)
    logits = layers["output"](functional.relu(layers["hidden2"](functional.relu(layers["hidden1"](x)))))
    right = float((logits.argmax(-1) == digits.test_labels).float().mean())
    assert right == pytest.approx(outcome.metrics["test_acc"], abs=1e-6)
    assert right > 0.5


@pytest.mark.parametrize(
    "values", [{"num_epochs": 0}, {"dropout_prob": 1.0}, {"learning_rate": 0.0}, {"batch_size": 0}]
)
def test_values_out_of_range_are_named(values: dict[str, int]) -> None:
    with pytest.raises(BadInput) as caught:
        TrainSpec(**values)
    assert caught.value.where in values


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_a_file_that_is_no_state_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        load_state(path)
    assert caught.value.where == str(path)


def test_state_keeps_no_hold_of_the_training(digits: tensors.Tensors, seeds: Seeds) -> None:
    start: State = train(replace(SPEC, num_epochs=1), digits, seeds(1)).state
    before = start.weights.clone()
    train(SPEC, digits, seeds(1), start)
    assert torch.equal(start.weights, before)


def test_mnist_after_one_epoch_is_within_the_known_scatter(mnist_root: Path, seeds: Seeds) -> None:
    """The published project's mean ± standard deviation over seeds 1 to 3, dropout 0.1; four deviations wide."""
    data = tensors.from_arrays(datasets.load("mnist"))
    outcome = train(TrainSpec(dropout_prob=0.1), data, seeds(1))
    assert outcome.metrics["test_acc"] == pytest.approx(0.9074, abs=4 * 0.0014)
    assert outcome.metrics["val_acc"] == pytest.approx(0.9005, abs=4 * 0.0041)
    assert outcome.metrics["test_loss"] == pytest.approx(0.330, abs=4 * 0.008)
    assert outcome.state.step == 430

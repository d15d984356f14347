"""Several trainings of one shape, on an accelerator side by side: each step is one batched product over all lanes.

Nothing is summed across lanes and each draws from its own streams, so what is beside a lane does not matter to it but
in the rounding of the device's kernels. One small network leaves nearly all of a GPU idle, and lanes should come
almost for free there. On a CPU the arithmetic is the limit already: nine lanes side by side took as long as nine
trainings (2.1 s and 2.2 s, MNIST, one thread), so there they run one after another, each the same bits as alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.optim.adam import adam

from quadrat import BadInput

from .model import Network, Shape
from .state import State, TrainSpec
from .streams import Seed, Streams
from .tensors import CLASSES, Tensors

Metrics: TypeAlias = dict[str, float]
OnEpoch: TypeAlias = Callable[[int, int, Metrics], None]

_EVALUATE = 1000  # images at a time: the activations stay in cache
_MASKED = 32  # steps whose dropout masks are drawn at once


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished training: test_acc, test_loss, val_acc, val_loss (mean NLL in nats), and the state to keep."""

    metrics: Metrics
    state: State


def train_many(
    specs: Sequence[TrainSpec],
    data: Tensors,
    seeds: Sequence[Seed],
    starts: Sequence[State | None] | None = None,
    on_epoch: OnEpoch | None = None,
    *,
    device: str | torch.device = "cpu",
) -> Iterator[Outcome]:
    """Train L networks by Adam (Kingma & Ba, 2015; betas .9 and .999, eps 1e-8); outcomes in order, each when done.

    Args:
        specs: L settings that may differ in `learning_rate` and `dropout_prob` only.
        data: the data set; moved to `device` (open it there to move it once per process).
        seeds: L functions, each from a purpose to its seed.
        starts: per lane the state to continue from, or None; all of them after equally many epochs.
        on_epoch: called after each epoch for each lane with (lane, epochs done, {val_acc, val_loss}).
        device: where to compute: one after another on 'cpu', else side by side.

    Raises:
        BadInput: the settings or starts do not fit together, or a start belongs to another training.
    """
    lanes = [Streams(seed) for seed in seeds]
    starts = starts if starts is not None else [None] * len(specs)
    _check_lanes(specs, lanes, starts)
    data = data.to(device)
    if torch.device(device).type != "cpu":
        return iter(train_stacked(specs, data, lanes, starts, on_epoch))

    def one(number: int) -> Outcome:
        tell = None if on_epoch is None else (lambda _, epoch, metrics: on_epoch(number, epoch, metrics))
        return train_stacked([specs[number]], data, [lanes[number]], [starts[number]], tell)[0]

    return map(one, range(len(specs)))


def train_stacked(
    specs: Sequence[TrainSpec],
    data: Tensors,
    lanes: Sequence[Streams],
    starts: Sequence[State | None],
    on_epoch: OnEpoch | None = None,
) -> list[Outcome]:
    """What `train_many` does, side by side on whatever device `data` is on, for settings known to fit together."""
    spec, device = specs[0], data.train_images.device
    done = starts[0].epochs if starts[0] else 0
    shape = Shape(data.train_images.shape[1], spec.hidden_size)
    states = [start or _fresh(shape, spec, lane) for start, lane in zip(starts, lanes, strict=True)]
    moving = _Moving(shape, specs, states, device)
    splits = [lane.split(len(data.train_images)) for lane in lanes]
    held_out = [validation.to(device) for _, validation in splits]

    def validate(lane: int) -> Metrics:
        chosen = held_out[lane]
        return evaluate(moving.lane(lane), data, data.train_images[chosen], data.train_labels[chosen], prefix="val")

    validated: dict[int, Metrics] = {}
    for epoch in range(done + 1, spec.num_epochs + 1):
        orders = torch.stack([lane.order(train, epoch) for lane, (train, _) in zip(lanes, splits, strict=True)])
        _epoch(moving, specs, data, orders.to(device), _masks(specs, lanes, epoch, device))
        if on_epoch:
            for number in range(len(specs)):
                validated[number] = validate(number)
                on_epoch(number, epoch, validated[number])
    outcomes = []
    for number, lane in enumerate(lanes):
        tested = evaluate(moving.lane(number), data, data.test_images, data.test_labels, prefix="test")
        outcomes.append(Outcome(tested | (validated.get(number) or validate(number)), moving.state(number, lane)))
    return outcomes


def evaluate(network: Network, data: Tensors, images: Tensor, labels: Tensor, *, prefix: str) -> Metrics:
    """{prefix}_acc and {prefix}_loss (mean NLL) of one lane on `images` (N, D) uint8 with `labels` (N,), no dropout."""
    right, loss = 0, 0.0
    for some, truth in zip(images.split(_EVALUATE), labels.split(_EVALUATE), strict=True):
        logits = network.forward(data.normalise(some).unsqueeze(0))[2][0]
        right += int((logits.argmax(-1) == truth).sum())
        loss += float(torch.nn.functional.cross_entropy(logits, truth, reduction="sum"))
    return {f"{prefix}_acc": right / len(labels), f"{prefix}_loss": loss / len(labels)}


class _Moving:
    """The parameters (L, P) with Adam's moments and the buffers of a step."""

    def __init__(
        self, shape: Shape, specs: Sequence[TrainSpec], states: Sequence[State], device: str | torch.device
    ) -> None:
        def stack(name: str) -> Tensor:
            return torch.stack([getattr(state, name) for state in states]).to(device)

        self.shape, self.specs = shape, specs
        self.flat, self.exp_avg, self.exp_avg_sq = stack("weights"), stack("exp_avg"), stack("exp_avg_sq")
        self.grad = torch.empty_like(self.flat)
        self.network, self.gradient = Network(shape, self.flat), Network(shape, self.grad)
        self.steps = [torch.tensor(float(state.step), device=device) for state in states]
        # The optimiser takes one learning rate per call: lanes that share theirs share a call.
        self.rates: dict[float, list[list[Tensor]]] = {}
        for lane, spec in enumerate(specs):
            group = self.rates.setdefault(spec.learning_rate, [[], [], [], [], []])
            tensors = (self.flat[lane], self.grad[lane], self.exp_avg[lane], self.exp_avg_sq[lane], self.steps[lane])
            for members, tensor in zip(group, tensors, strict=True):
                members.append(tensor)

    def adam_step(self) -> None:
        for rate, (flat, grad, exp_avg, exp_avg_sq, steps) in self.rates.items():
            adam(
                flat, grad, exp_avg, exp_avg_sq, [], steps, fused=True,
                amsgrad=False, beta1=0.9, beta2=0.999, lr=rate, weight_decay=0.0, eps=1e-8, maximize=False,
            )  # fmt: skip

    def lane(self, number: int) -> Network:
        return Network(self.shape, self.flat[number : number + 1])

    def state(self, number: int, streams: Streams) -> State:
        flat, first, second = (t[number].cpu().clone() for t in (self.flat, self.exp_avg, self.exp_avg_sq))
        spec = self.specs[number]
        step = int(self.steps[number])
        return State(spec, spec.num_epochs, self.shape, flat, first, second, step, streams.fingerprint)


def _epoch(
    moving: _Moving, specs: Sequence[TrainSpec], data: Tensors, orders: Tensor, masks: Iterator[Tensor] | None
) -> None:
    """One pass over the images `orders` (L, N), `batch_size` of each lane per step."""
    lanes, batch, device = len(specs), specs[0].batch_size, orders.device
    onehots = torch.eye(CLASSES, device=device)[data.train_labels[orders]]
    unkept = 1 / _kept(specs, device).view(-1, 1, 1) if masks else None
    buffer = torch.empty(lanes * batch, moving.shape.inputs, device=device)
    for chosen, onehot in zip(orders.split(batch, 1), onehots.split(batch, 1), strict=True):
        images = data.train_images.index_select(0, chosen.flatten())
        x = data.normalise(images, out=buffer[: len(images)]).view(lanes, -1, moving.shape.inputs)
        mask = next(masks)[:, :, : x.shape[1]] if masks else None
        pair = (mask[:, 0], mask[:, 1]) if mask is not None else None
        moving.network.gradient(x, onehot, pair, unkept, moving.gradient)
        moving.adam_step()


def _masks(
    specs: Sequence[TrainSpec], lanes: Sequence[Streams], epoch: int, device: str | torch.device
) -> Iterator[Tensor] | None:
    """Dropout masks (L, 2, B, H), one for each step of the epoch; None if no lane drops anything."""
    if not any(spec.dropout_prob for spec in specs):
        return None
    kept = _kept(specs, device).view(-1, 1, 1, 1, 1)

    def draw() -> Iterator[Tensor]:
        generators = [lane.generator("dropout", epoch, device) for lane in lanes]
        # A lane without dropout keeps its zeros, which are below 1: its mask is all ones and it draws nothing.
        uniform = torch.zeros(len(specs), _MASKED, 2, specs[0].batch_size, specs[0].hidden_size, device=device)
        while True:
            uniform.zero_()
            for lane, generator in enumerate(generators):
                if specs[lane].dropout_prob:
                    uniform[lane].uniform_(generator=generator)
            yield from uniform.lt_(kept).div_(kept).unbind(1)

    return draw()


def _kept(specs: Sequence[TrainSpec], device: str | torch.device) -> Tensor:
    return torch.tensor([1 - spec.dropout_prob for spec in specs], device=device)


def _fresh(shape: Shape, spec: TrainSpec, streams: Streams) -> State:
    weights = shape.initial(streams.generator("init"))
    zeros = torch.zeros_like(weights)
    return State(spec, 0, shape, weights, zeros, zeros, 0, streams.fingerprint)


def _check_lanes(specs: Sequence[TrainSpec], lanes: Sequence[Streams], starts: Sequence[State | None]) -> None:
    for name in ("num_epochs", "batch_size", "hidden_size"):
        if len({asdict(spec)[name] for spec in specs}) > 1:
            raise BadInput(f"trainings side by side must have one {name}", where=name)
    for spec, lane, start in zip(specs, lanes, starts, strict=True):
        if start is not None:
            start.check_start(spec, lane.fingerprint)
    done = {start.epochs if start else 0 for start in starts}
    if len(done) > 1:
        raise BadInput(f"trainings side by side must continue after equally many epochs, not {sorted(done)}")

"""Two ways through a pass: step by step, and in blocks of time that give the same numbers for less.

The fast way uses four facts. What a layer makes of a frame alone is made once for each frame. Without feedback, a layer
can be computed for all steps before the next one begins; with it, for as many steps as the shortest feedback is late. A
recurrence that is d steps late is known for d steps at once. And before the first frame all images of a batch are one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from .dynamics import Solver
from .frames import Frames, with_blank
from .layers import Connection
from .operations import Layered, Pass, State
from .traces import joined

Span = tuple[int, int]

CACHED = 1 << 23
"""Bytes that the activity of a layer in a block has at most on a CPU: larger ones leave its caches, and cost more."""


def run_naive(network: Layered, frames: Tensor, given: Pass) -> Tensor:
    """(T, B, n_classes) from frames (F, B, C, H, W): one step and one operation after the other."""
    state = State(network, frames.shape[1], given.ffonly)
    network.begin(state, -given.idle)
    with torch.no_grad():
        for step in range(-given.idle, 0):
            _naive_step(network, state, _dark(network, frames, given.idle), step)
    shown = _shown(network, frames, given)
    logits = []
    for step in range(len(given.order)):
        if step and given.tbptt and step % given.tbptt == 0:
            state.detach()
        _naive_step(network, state, shown, step)
        _tell(network, state, given, (step, step + 1))
        logits.append(_answers(network, state, (step, step + 1)))
        state.forget(step + 1)
    return torch.cat(logits)


def _naive_step(network: Layered, state: State, shown: Frames, step: int) -> None:
    span = (step, step + 1)
    for name in network.layer_names:
        before = network.before(name)
        if before is None:
            x: Tensor | None = shown.read(*span)
        else:
            fed, late = state.output[before], network.delays[before]
            x = fed.read(step - late, step + 1 - late) if fed.has(step - late) else None
        for op in network.operations:
            if op == "record" and x is not None:
                state.activity[name].append(step, x)
            x = network.operate(op, name, x, span, state)
        if x is not None:
            state.output[name].append(step, x)


def run_fast(network: Layered, frames: Tensor, given: Pass) -> Tensor:
    """(T, B, n_classes) from frames (F, B, C, H, W): the same in blocks of time."""
    images = frames.shape[1]
    is_one = not (network.training and has_batch_norm(network))  # whose statistics are of a batch
    state = State(network, 1 if is_one and given.idle else images, given.ffonly)
    network.begin(state, -given.idle)
    length = _block(network, given, frames)
    with torch.no_grad():
        dark = _dark(network, frames[:, :1] if is_one else frames, given.idle)
        for start in range(-given.idle, 0, length):
            span = (start, min(0, start + length))
            for name in network.layer_names:
                _fast_layer(network, name, state, dark, span)
            state.forget(span[1])
    if given.idle and is_one:
        state.widen(images)
    shown = _shown(network, frames, given)
    steps, logits = len(given.order), []
    for span in _spans(steps, length, given.tbptt):
        if span[0] and given.tbptt and span[0] % given.tbptt == 0:
            state.detach()
        for name in network.layer_names:
            _fast_layer(network, name, state, shown, span)
        _tell(network, state, given, span)
        logits.append(_answers(network, state, span))
        state.forget(span[1])
    return torch.cat(logits)


def _block(network: Layered, given: Pass, frames: Tensor) -> int:
    """How many steps all layers are computed for before the first one goes on: those that feedback and memory allow."""
    places = {name: place for place, name in enumerate(network.layer_names)}
    late = [
        one.delay
        for name in network.layer_names
        for op in network.operations
        if isinstance(one := network.operation(op, name), Connection) and places[one.source] >= places[name]
    ]
    length = min(late, default=len(given.order)) if not given.ffonly else len(given.order)
    if frames.device.type == "cpu":
        step = max(math.prod(network.layer(name).shape) for name in network.layer_names)
        length = min(length, max(1, CACHED // (step * frames.shape[1] * frames.element_size())))
    return length


def _spans(steps: int, length: int, tbptt: int | None) -> list[Span]:
    """The blocks of a pass: of that length, and none across an end of gradients."""
    cuts = sorted({*range(0, steps, length), *range(0, steps, tbptt or steps), steps})
    return list(pairwise(cuts))


def _fast_layer(network: Layered, name: str, state: State, shown: Frames, span: Span) -> None:
    """Compute a layer at all steps of a block."""
    ops = network.operations
    recorded, driven = ops.index("record"), ops.index("drive") + 1
    record = state.activity[name]
    began = len(record)
    for part in _parts(network, name, state, span):
        x = _drive(network, name, state, shown, part, driven)
        _advance(network, name, state, x, part, ops[driven:recorded])
    if len(record) == began:
        return
    start = span[1] - (len(record) - began)
    x = record.read(start, span[1])
    for op in ops[recorded:]:
        done = network.operate(op, name, x, (start, span[1]), state)
        assert done is not None
        x = done
    state.output[name].append(start, x)


def _parts(network: Layered, name: str, state: State, span: Span) -> list[Span]:
    """The block in parts at whose steps the same signals of other layers have arrived."""
    before = network.before(name)
    arrivals = [] if before is None else [(state.output[before], network.delays[before])]
    for op in network.operations:
        if isinstance(one := network.operation(op, name), Connection):
            arrivals.append((state.activity[one.source], one.delay))
    first = {trace.first + late for trace, late in arrivals if trace.first is not None}
    cuts = [span[0], *sorted(step for step in first if span[0] < step < span[1]), span[1]]
    return list(pairwise(cuts))


def _drive(network: Layered, name: str, state: State, shown: Frames, part: Span, driven: int) -> Tensor | None:
    """What comes before the recurrent signal, at all steps of a part: (L, …), or (1, …) where it stays the same."""
    before = network.before(name)
    layer = network.layer(name)
    apart = network.training and has_batch_norm(layer)
    if before is None and not apart and driven == 1:
        return shown.driven(*part, layer.drive)
    if before is None:
        x: Tensor | None = shown.read(*part)
    else:
        fed, late = state.output[before], network.delays[before]
        x = fed.read(part[0] - late, part[1] - late) if fed.has(part[0] - late) else None
    for op in network.operations[:driven]:
        if apart and op == "drive" and x is not None:  # the statistics are of the images of one step
            x = joined([layer.drive(one).unsqueeze(0) for one in x])
        else:
            x = network.operate(op, name, x, part, state)
    return x


def _advance(
    network: Layered, name: str, state: State, driven: Tensor | None, part: Span, ops: tuple[str, ...]
) -> None:
    """Do what is between the arrival of the recurrent signal and the record point, for as many steps as can be."""
    layer, record = network.layer(name), state.activity[name]
    is_recurrent = layer.recurrence is not None and not state.ffonly
    places = [place for place, op in enumerate(ops) if isinstance(network.operation(op, name), Solver)]
    split = places[0] if places else len(ops)
    cuts = {part[0]}
    if is_recurrent and record.first is not None and part[0] < record.first + layer.delay < part[1]:
        cuts.add(record.first + layer.delay)  # where the first recurrent signal arrives
    spans = [span for one in pairwise([*sorted(cuts), part[1]]) for span in _pieces(one, layer.delay, is_recurrent)]
    pieces: Sequence[Tensor | None] = [driven] * len(spans)
    if driven is not None and len(driven) > 1 and len(spans) > 1:
        pieces = driven.split([stop - start for start, stop in spans])
    for span, piece in zip(spans, pieces, strict=True):
        x = piece
        for op in ops[:split]:
            x = network.operate(op, name, x, span, state)
        if x is not None:
            x = x.expand(span[1] - span[0], state.images, *x.shape[2:])
            _record(network, name, state, x, span, ops[split:])


def _pieces(span: Span, delay: int, is_recurrent: bool) -> list[Span]:
    """A span in pieces for which the recurrent signal is known."""
    if not is_recurrent:
        return [span]
    return [(start, min(start + delay, span[1])) for start in range(*span, delay)]


def _record(network: Layered, name: str, state: State, x: Tensor, span: Span, ops: tuple[str, ...]) -> None:
    """Do what goes step by step, and remember the activity."""
    if not ops:
        state.activity[name].append(span[0], x)
        return
    for step, piece in zip(range(*span), x.split(1) if len(x) > 1 else (x,), strict=True):
        one: Tensor | None = piece
        for op in ops:
            one = network.operate(op, name, one, (step, step + 1), state)
        assert one is not None
        state.activity[name].append(step, one)


def _dark(network: Layered, frames: Tensor, steps: int) -> Frames:
    """Idle steps: frames of zeros."""
    return Frames(*network.see(torch.zeros_like(frames[:1]), (0,) * steps), -steps)


def _shown(network: Layered, frames: Tensor, given: Pass) -> Frames:
    return Frames(*network.see(*with_blank(frames, given.order, given.blank)))


def _tell(network: Layered, state: State, given: Pass, span: Span) -> None:
    """Tell the observer the activities of some steps."""
    for name, trace in state.activity.items() if given.observe else ():
        if trace.first is not None and trace.first < span[1]:
            start = max(span[0], trace.first)
            given.observe(name, start, trace.read(start, span[1]))  # type: ignore[misc]


def _answers(network: Layered, state: State, span: Span) -> Tensor:
    """The logits at some steps: zeros until something has arrived."""
    last = network.layer_names[-1]
    fed, late = state.output[last], network.delays[last]
    first = span[1] if fed.first is None else min(max(span[0], fed.first + late), span[1])
    parts = []
    if first > span[0]:
        weight = next(network.classifier.parameters())
        parts.append(weight.new_zeros(first - span[0], state.images, network.n_classes))
    if first < span[1]:
        parts.append(network.classify(fed.read(first - late, span[1] - late), state, (first, span[1])))
    return torch.cat(parts)


def has_batch_norm(module: nn.Module) -> bool:
    """Whether a module has statistics of batches."""
    return any(isinstance(one, nn.BatchNorm2d) for one in module.modules())

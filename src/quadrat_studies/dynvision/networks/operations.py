"""Layers, the ordered operations of each, and what is remembered from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from quadrat import BadInput

from ..architectures import Model
from .dynamics import Solver, join
from .layers import Connection, Layer
from .traces import Trace

Observer = Callable[[str, int, Tensor], None]
"""Called with a layer, the first of some steps, and its activity (L, B, C, H, W) at these."""


@dataclass(frozen=True)
class Pass:
    """How a pass goes: see `RecurrentNetwork.forward`.

    Raises:
        BadInput: for fewer than 0 idle steps, or fewer than 1 between ends of gradients.
    """

    order: tuple[int, ...]
    blank: float
    idle: int
    ffonly: bool
    tbptt: int | None
    observe: Observer | None

    def __post_init__(self) -> None:
        if self.idle < 0:
            raise BadInput(f"idle should be 0 or more, not {self.idle}", where="idle")
        if self.tbptt is not None and self.tbptt < 1:
            raise BadInput(f"tbptt should be 1 or more, not {self.tbptt}", where="tbptt")


class State:
    """What a pass remembers: for each layer its activity, and what it gives to the next one.

    Attributes:
        activity: at the record point, by layer.
        output: after pooling, by layer.
        weights: the weights of the solvers.
        images: B.
    """

    def __init__(self, network: Layered, images: int, ffonly: bool) -> None:
        self.activity = {name: Trace() for name in network.layer_names}
        self.output = {name: Trace() for name in network.layer_names}
        self.weights = {
            name: solver.weight(network.get_parameter(f"tau_{name}"))
            for name in network.layer_names
            if isinstance(solver := network.operation("tstep", name), Solver)
        }
        self.images = images
        self.ffonly = ffonly
        self._delays = network.delays
        self._back = network.back()

    def detach(self) -> None:
        """Cut what is remembered off from gradients."""
        for trace in (*self.activity.values(), *self.output.values()):
            trace.detach()

    def widen(self, images: int) -> None:
        """Give every image of a batch the one past that there is."""
        self.images = images
        for trace in (*self.activity.values(), *self.output.values()):
            trace.widen(images)

    def forget(self, step: int) -> None:
        """Let go of what no step from this one on looks back at."""
        for name, trace in self.activity.items():
            trace.forget(step - self._back[name])
        for name, trace in self.output.items():
            trace.forget(step - self._delays[name])


class Layered(nn.Module):
    """A sequence of layers, each with the same ordered operations.

    An operation `op` of a layer `V1` is the module `op_V1`, else the module `op`; without either it is left out.
    "layer" is the layer itself, which is cut into "drive" and "merge"; "record" remembers the activity, "delay" makes
    the next layer see it later. A subclass makes the modules.

    Args:
        model: its arguments.
        image: (C, H, W) of what it sees.
        layer_names: its layers, in order.

    Attributes:
        dt: ms of a step.
        n_timesteps: steps of a training image.
        delays: for each layer after how many steps the next one sees it.
        n_residual: R, steps after which the answer to the first frame is there.
    """

    classifier: nn.Module

    def __init__(self, model: Model, image: tuple[int, int, int], layer_names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.image = image
        self.layer_names = tuple(layer_names)
        self.operations = _cut(model.operations)
        self.dt = model.dt
        self.n_timesteps = model.tsteps
        self.delays = dict.fromkeys(layer_names, model.steps(model.tff))
        self._found: dict[tuple[str, str], nn.Module | None] = {}

    @property
    def n_residual(self) -> int:
        """R: the sum of the delays from layer to layer."""
        return sum(self.delays.values())

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        last = [module for module in self.classifier.modules() if isinstance(module, nn.Linear)][-1]
        return last.out_features

    def layer(self, name: str) -> Layer:
        """A layer by its name."""
        found = self.get_submodule(name)
        assert isinstance(found, Layer)
        return found

    def operation(self, op: str, name: str) -> nn.Module | None:
        """The module of an operation of a layer, or None."""
        key = (op, name)
        if key not in self._found:
            own = getattr(self, f"{op}_{name}", None)
            self._found[key] = own if own is not None else getattr(self, op, None)
        return self._found[key]

    def before(self, name: str) -> str | None:
        """The layer that feeds a layer; None for the first one, which sees the frames."""
        place = self.layer_names.index(name)
        return self.layer_names[place - 1] if place else None

    def back(self) -> dict[str, int]:
        """For each layer the steps that its activity is looked back at: by itself, and by connections."""
        back = {name: max(1, self.layer(name).delay) for name in self.layer_names}
        for one in self.modules():
            if isinstance(one, Connection):
                back[one.source] = max(back[one.source], one.delay)
        return back

    def begin(self, state: State, step: int) -> None:
        """Put into the state what was before the first step."""

    def see(self, frames: Tensor, order: tuple[int, ...]) -> tuple[Tensor, tuple[int, ...]]:
        """Frames (F, B, C, H, W) and their order as the first layer sees them."""
        return frames, order

    def classify(self, output: Tensor, state: State, span: tuple[int, int]) -> Tensor:
        """Logits (L, B, n_classes) of what the last layer has given (L, B, C, H, W)."""
        return flat(self.classifier, output)

    # --- operations -------------------------------------------------------------------------------------------------

    def operate(self, op: str, name: str, x: Tensor | None, span: tuple[int, int], state: State) -> Tensor | None:
        """Do one operation of a layer.

        Args:
            op: the operation.
            name: the layer.
            x: (L, B, C, H, W), at L steps or the same at all of them (L = 1); None where nothing has arrived.
            span: the first of the steps, and the one after the last. The same signals have arrived at all of them.
            state: what is remembered.
        """
        if op == "drive":
            return None if x is None else flat(self.layer(name).drive, x)
        if op == "merge":
            return self._merge(self.layer(name), state.activity[name], x, span, state)
        module = self.operation(op, name)
        if isinstance(module, Connection):
            return self._connect(module, x, span, state)
        if isinstance(module, Solver) and x is not None:
            before = state.activity[name].last()
            after: Tensor = module(x.squeeze(0), before, state.weights[name])
            return after.unsqueeze(0)
        if isinstance(module, FromNothing):
            biased: Tensor = module(x, state.images)
            return biased
        return x if module is None or x is None else flat(module, x)

    def _merge(self, layer: Layer, past: Trace, x: Tensor | None, span: tuple[int, int], state: State) -> Tensor | None:
        signal = None
        if layer.recurrence is not None and not state.ffonly and past.has(span[0] - layer.delay):
            signal = flat(layer.recur, past.read(span[0] - layer.delay, span[1] - layer.delay))
        if x is None or signal is None:
            one = x if signal is None else signal
            return (
                None if one is None else flat(lambda y: layer.merge(*((y, None) if signal is None else (None, y))), one)
            )
        x = x.expand(len(signal), *x.shape[1:])
        merged = layer.merge(x.flatten(0, 1), signal.flatten(0, 1))
        return None if merged is None else merged.unflatten(0, signal.shape[:2])

    def _connect(self, one: Connection, x: Tensor | None, span: tuple[int, int], state: State) -> Tensor | None:
        past = state.activity[one.source]
        if state.ffonly or not past.has(span[0] - one.delay):
            return x
        return join(x, flat(one, past.read(span[0] - one.delay, span[1] - one.delay)), one.how)


class FromNothing(nn.Module):
    """An operation that makes an activity where nothing has arrived yet."""


def flat(function: Callable[[Tensor], Tensor | None], x: Tensor) -> Tensor:
    """A function of (N, …) on (L, B, …)."""
    made = function(x.flatten(0, 1))
    assert made is not None
    whole: Tensor = made.unflatten(0, x.shape[:2])
    return whole


def _cut(operations: Sequence[str]) -> tuple[str, ...]:
    """The operations with the layer cut in two."""
    return tuple(part for op in operations for part in (("drive", "merge") if op == "layer" else (op,)))

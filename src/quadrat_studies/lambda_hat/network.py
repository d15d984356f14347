"""Multilayer perceptrons on one flat vector of parameters, which is what samplers move."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from .params import Model, Teacher
from .shapes import check_model, hidden_widths, teacher_widths

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "identity": lambda x: x,
}


@dataclass(frozen=True)
class Network:
    """A perceptron's form; hashable, so that compiled code can be kept by it.

    Attributes:
        sizes: units of every layer, inputs and outputs included.
        skip: over how many hidden layers a skip connection goes; 0 for none.
    """

    sizes: tuple[int, ...]
    activation: str
    bias: bool
    layernorm: bool
    init: str
    skip: int

    @property
    def d(self) -> int:
        """The number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes())

    def shapes(self) -> Iterator[tuple[int, ...]]:
        """The shapes of the parameters in their order: each layer's weights (in, out), then its bias (out,)."""
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            yield fan_in, fan_out
            if self.bias:
                yield (fan_out,)

    def unpacked(self, w: Array) -> list[Array]:
        """The parameters of a flat vector (d,), by `shapes`."""
        parts, place = [], 0
        for shape in self.shapes():
            size = math.prod(shape)
            parts.append(w[place : place + size].reshape(shape))
            place += size
        return parts

    def layers(self, w: Array) -> list[tuple[Array, Array | None]]:
        """Weights (in, out) and bias (out,) or None, layer by layer."""
        parts = self.unpacked(w)
        if not self.bias:
            return [(part, None) for part in parts]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def initial(self, key: Array, dtype: jnp.dtype) -> Array:
        """Fresh parameters (d,): weights as `init` says, biases 0."""
        initializers = jax.nn.initializers
        draw = {
            "he": initializers.he_normal(),
            "xavier": initializers.glorot_normal(),
            "lecun": initializers.lecun_normal(),
            "orthogonal": initializers.orthogonal(),
        }[self.init]
        keys = iter(jax.random.split(key, len(self.sizes)))
        parts = [
            draw(next(keys), shape, dtype) if len(shape) == 2 else jnp.zeros(shape, dtype) for shape in self.shapes()
        ]
        return jnp.concatenate([part.ravel() for part in parts])

    def __call__(self, w: Array, x: Array, *, key: Array | None = None, dropout: float = 0.0) -> Array:
        """Outputs (out, n) of the parameters w (d,) at the inputs x (in, n).

        Examples lie along the last axis, which is what makes narrow networks fast: vectors run over the examples.

        Args:
            w: the parameters.
            x: the inputs.
            key: for dropout.
            dropout: the share of hidden units that are silent; those that are not are scaled by 1/(1 − dropout).
        """
        *hidden, (weights, bias) = self.layers(w)
        past: list[Array] = []
        for number, layer in enumerate(hidden):
            x = _affine(x, *layer)
            if self.layernorm:
                x = _normalised(x)
            x = ACTIVATIONS[self.activation](x)
            # h₁ is where the first skip begins: then every `skip` layers what came before is added.
            if self.skip and number and number % self.skip == 0:
                x = x + past[number - self.skip]
            if dropout and key is not None:
                kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - dropout, x.shape)
                x = x * kept / (1 - dropout)
            past.append(x)
        return _affine(x, weights, bias)


def student(model: Model) -> Network:
    """The network that a model's parameters describe.

    Raises:
        BadInput: for sizes that do not fit together.
    """
    check_model(model)
    return Network(
        (model.in_dim, *hidden_widths(model), model.out_dim),
        model.activation,
        model.bias,
        model.layernorm,
        model.init,
        model.residual_period if model.skip_connections else 0,
    )


def teacher_network(model: Model, teacher: Teacher) -> Network:
    """The network of a teacher that is not linear: the student's, but for what the teacher says itself.

    Raises:
        BadInput: for sizes that do not fit together.
    """
    own = student(model)
    widths = teacher_widths(model, teacher)
    skip = own.skip if widths == own.sizes[1:-1] else 0
    sizes = (model.in_dim, *widths, model.out_dim)
    return replace(own, sizes=sizes, activation=teacher.activation or model.activation, skip=skip)


def _affine(x: Array, weights: Array, bias: Array | None) -> Array:
    return weights.T @ x if bias is None else weights.T @ x + bias[:, None]


def _normalised(x: Array) -> Array:
    mean = x.mean(0, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(x.var(0, keepdims=True) + 1e-6)

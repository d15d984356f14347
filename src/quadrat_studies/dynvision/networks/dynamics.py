"""What happens to a layer's activity in time: solvers of its dynamics, supralinearity, and how signals are joined."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Solver(nn.Module):
    """One step of τ dr/dt = I − r with an input I that is constant in it: r + w·(I − r).

    With z = dt/τ, w is z by Euler's method. The classical Runge-Kutta method of fourth order gives, of this linear
    equation, w = z − z²/2 + z³/6 − z⁴/24, the first terms of 1 − exp(−z).

    Args:
        dt: the step in ms.
        method: "euler" or "rk4".
    """

    def __init__(self, dt: float, method: str) -> None:
        super().__init__()
        self._dt = dt
        self._method = method

    def weight(self, tau: Tensor) -> float | Tensor:
        """w for τ in ms; a number where τ is not trained."""
        z = self._dt / tau
        weight = z if self._method == "euler" else z * (1 - z / 2 * (1 - z / 3 * (1 - z / 4)))
        return weight if tau.requires_grad else float(weight)

    def forward(self, drive: Tensor, before: Tensor | None, weight: float | Tensor) -> Tensor:
        """The activity after the step, from I and the activity before (none yet: 0); any shape."""
        return weight * drive if before is None else torch.lerp(before, drive, weight)


class Supralinearity(nn.Module):
    """k·sign(x)·max(|x|, 1e-6)ⁿ.

    Args:
        exponent: n.
        factor: k.
    """

    def __init__(self, exponent: float, factor: float = 0.8) -> None:
        super().__init__()
        self._exponent = exponent
        self._factor = factor

    def forward(self, activity: Tensor) -> Tensor:
        """Any shape to the same."""
        raised = self._factor * torch.sign(activity) * activity.abs().clamp(min=1e-6) ** self._exponent
        return raised.to(activity.dtype)  # a GPU takes powers in single precision where all else is in half


def join(activity: Tensor | None, signal: Tensor | None, how: str) -> Tensor | None:
    """Join a signal to an activity: x + h ("add"), or x·(1 + tanh h) ("mul"); what is not there yet adds nothing."""
    if signal is None or (activity is None and how == "mul"):
        return activity
    if activity is None:
        return signal
    return activity + signal if how == "add" else activity * (1 + torch.tanh(signal))

"""First weights."""

from __future__ import annotations

import math

from torch import nn

RECURRENT = 0.001
"""Recurrent weights begin between minus this and this."""
CLASSIFIER = 0.004
"""Standard deviation of the classifier's first weights."""


def start_conv(conv: nn.Module, small: bool = False) -> None:
    """Kaiming's normal weights for ReLU (He et al. 2015, arXiv 1502.01852), or those of a connection, which are small.

    A connection's are truncated normal with deviation min(0.001, 1/√(C_in·C_out)).
    """
    assert isinstance(conv, nn.Conv2d)
    if small:
        nn.init.trunc_normal_(conv.weight, std=min(RECURRENT, 1 / math.sqrt(conv.in_channels * conv.out_channels)))
    else:
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def start_recurrence(recurrence: nn.Module) -> None:
    """Uniform weights of ±0.001, and no bias."""
    for name, parameter in recurrence.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.uniform_(parameter, -RECURRENT, RECURRENT)


def start_linear(linear: nn.Linear) -> None:
    """Truncated normal weights of deviation 0.004, and no bias."""
    nn.init.trunc_normal_(linear.weight, std=CLASSIFIER)
    nn.init.zeros_(linear.bias)

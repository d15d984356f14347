"""What a network is trained on, and how well it answers: over the steps that ask for an answer."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross entropy over all (b, t) that ask for an answer; 0, with gradients of 0, where none does.

    Args:
        logits: (B, T, K); computed with in float32 where they are of less precision.
        labels: (B, T) int64, −1 where no answer is asked for.
    """
    logits = _precise(logits)
    total = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="sum")
    return total / (labels >= 0).sum().clamp(min=1)


class ActivityLoss:
    """How active a network is: the mean over layers, steps and images of the size of a layer's activity.

    It is given to a network as its observer and hears of every layer at its record point, block by block, without idle
    steps; a layer that is reached late counts for fewer steps. One instance is for one pass.

    Args:
        mode: "absolute", ‖a‖_p / n^(1/p) over the n units of a layer; or "signed", |mean of a|.
        p: of the norm, at least 1.
    """

    def __init__(self, mode: Literal["absolute", "signed"] = "absolute", p: float = 1.0) -> None:
        self._mode = mode
        self._p = p
        self._total: Tensor | None = None
        self._steps = 0

    def __call__(self, layer: str, start: int, activity: Tensor) -> None:
        """Take the activity (T', B, C, H, W) of a layer at T' steps."""
        precise = torch.promote_types(activity.dtype, torch.float32)
        if self._mode == "signed":
            sizes = activity.mean(dim=(2, 3, 4), dtype=precise).abs()
        else:
            norms = torch.linalg.vector_norm(activity, self._p, dim=(2, 3, 4), dtype=precise)
            sizes = norms / activity[0, 0].numel() ** (1 / self._p)
        total = sizes.mean(1).sum()
        self._total = total if self._total is None else self._total + total
        self._steps += len(activity)

    def value(self) -> Tensor:
        """The mean of what was observed, a scalar with its gradients.

        Raises:
            ValueError: where there was nothing, so that no weight of this loss is without effect unnoticed.
        """
        if self._total is None:
            raise ValueError("no layer's activity was observed")
        return self._total / self._steps


class Confidence(NamedTuple):
    """Probabilities (B, T) that a network gives to its guess, and to the first label of the sequence."""

    guess: Tensor
    first_label: Tensor


def accuracy(logits: Tensor, labels: Tensor, top: int = 1) -> Tensor:
    """The share of right answers over all (b, t) that ask for one, a scalar; nan where none does.

    Args:
        logits: (B, T, K).
        labels: (B, T) int64, −1 where no answer is asked for.
        top: an answer is right where the label is among that many largest logits.
    """
    guesses = logits.topk(min(top, logits.shape[-1]), dim=-1).indices if top > 1 else logits.argmax(-1, keepdim=True)
    right = (guesses == labels.unsqueeze(-1)).any(-1)  # a label of −1 is no class, and so never right
    return right.sum() / (labels >= 0).sum()


def confidence(logits: Tensor, labels: Tensor) -> Confidence:
    """The softmax of the logits, at the guess and at the first label, at every step.

    Args:
        logits: (B, T, K).
        labels: (B, T) int64, −1 where no answer is asked for; an image without a label has nan.
    """
    probabilities = _precise(logits).softmax(-1)
    first = first_labels(labels)[:, None, None].expand(-1, logits.shape[1], 1)
    own = probabilities.gather(-1, first.clamp(min=0)).where(first >= 0, torch.nan)
    return Confidence(probabilities.amax(-1), own.squeeze(-1))


def first_labels(labels: Tensor) -> Tensor:
    """The first label (B,) that is not −1, of labels (B, T); −1 where there is none."""
    step = (labels >= 0).int().argmax(1, keepdim=True)  # the first of several largest
    return labels.gather(1, step).squeeze(1)


def _precise(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))

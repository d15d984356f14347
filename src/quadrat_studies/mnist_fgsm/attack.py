"""The fast gradient sign method: x' = x + ε sign(∇ₓ loss) (Goodfellow, Shlens, Szegedy, 2015, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quadrat import BadInput

from .model import Network
from .tensors import CLASSES, Tensors

Domain: TypeAlias = Literal["pixel", "normalised_clamp"]
KEPT = 5
_BATCH = 1000


@dataclass(frozen=True, eq=False)
class Examples:
    """The first images, at most five in the test set's order, that were classified right and then fooled.

    Attributes:
        original, adversarial: (n, H, W) float32, pixels (0 is empty, 1 full ink) in either domain.
        label: (n,) int64, the true class, which was also the prediction on the original.
        predicted: (n,) int64, the prediction on the adversarial image.
        index: (n,) int64, which images of the test set.
        epsilon, domain: of the attack.
    """

    original: NDArray[np.float32]
    adversarial: NDArray[np.float32]
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    index: NDArray[np.int64]
    epsilon: float
    domain: str

    def save(self, path: Path) -> None:
        """Write an npz file with an array per attribute."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Examples:
        """What `save` wrote."""
        with np.load(path) as file:
            found = dict(file)
        return cls(**found | {"epsilon": float(found["epsilon"]), "domain": str(found["domain"])})


@dataclass(frozen=True, eq=False)
class Attacked:
    """An attack's result.

    Attributes:
        fgsm_acc: the share still classified right among the `right_before`; nan where that is 0.
        right_before, right_after: numbers of test images.
        examples: the first that were fooled.
    """

    fgsm_acc: float
    right_before: int
    right_after: int
    examples: Examples


def perturb(network: Network, data: Tensors, images: Tensor, labels: Tensor, epsilon: float, domain: Domain) -> Tensor:
    """The adversarial images, in normalised units, of `images` (N, D), normalised, with true `labels` (N,).

    In 'pixel' the step is `epsilon` of the pixel range [0, 1] and pixels are clamped to it. In 'normalised_clamp' both
    the step and the clamp to [0, 1] are in normalised units, which erases background and strong ink: kept only to
    compare with numbers of code that did so.
    """
    first, second, logits = network.forward(images.unsqueeze(0))
    # dloss/dlogits = softmax - onehot = (1 - p) (q - onehot) with p the true class's probability and q the softmax of
    # the others. The sign is that of the second factor, which does not round to zero where p is 1.
    true = torch.nn.functional.one_hot(labels, CLASSES)
    error = logits[0].masked_fill(true.bool(), float("-inf")).softmax(-1).sub_(true)
    towards = torch.bmm(network.hidden_errors(error.unsqueeze(0), first, second)[0], network.weights[0])[0].sign_()
    if domain == "normalised_clamp":
        return images.add(towards, alpha=epsilon).clamp_(0.0, 1.0)
    empty, full = data.shift, data.shift + 1 / data.std
    return images.add(towards, alpha=epsilon / data.std).clamp_(empty, full)


def attack(network: Network, data: Tensors, epsilon: float, domain: Domain = "pixel") -> Attacked:
    """Attack `network` (one lane) on the whole test set of `data`; both must be on one device.

    `epsilon` is the size of the step, 0 or more: in 'pixel' a share of the range from empty to full ink.

    Raises:
        BadInput: `epsilon` is negative or not finite, or `domain` is unknown.
    """
    if not 0 <= epsilon < float("inf"):
        raise BadInput(f"fgsm_epsilon is {epsilon}, and must be 0 or more", where="fgsm_epsilon")
    if domain not in get_args(Domain):
        known = ", ".join(get_args(Domain))
        raise BadInput(f"unknown attack domain '{domain}'", where="attack_domain", hint=f"known: {known}")
    right_before = right_after = offset = 0
    fooled: list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]] = []
    kept = 0
    for raw, truth in zip(data.test_images.split(_BATCH), data.test_labels.split(_BATCH), strict=True):
        images = data.normalise(raw)
        right = network.forward(images.unsqueeze(0))[2][0].argmax(-1) == truth
        changed = perturb(network, data, images, truth, epsilon, domain)
        predicted = network.forward(changed.unsqueeze(0))[2][0].argmax(-1)
        right_before += int(right.sum())
        right_after += int((right & (predicted == truth)).sum())
        if kept < KEPT:
            chosen = (right & (predicted != truth)).nonzero().flatten()[: KEPT - kept]
            fooled.append((images[chosen], changed[chosen], truth[chosen], predicted[chosen], chosen + offset))
            kept += len(chosen)
        offset += len(raw)
    accuracy = right_after / right_before if right_before else float("nan")
    return Attacked(accuracy, right_before, right_after, _examples(fooled, data, epsilon, domain))


def _examples(
    fooled: list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]], data: Tensors, epsilon: float, domain: Domain
) -> Examples:
    original, adversarial, label, predicted, index = (torch.cat(parts).cpu() for parts in zip(*fooled, strict=True))

    def pixels(images: Tensor) -> NDArray[np.float32]:
        # The round trip through normalised units leaves 1e-7 of dust below 0 and above 1.
        found: NDArray[np.float32] = (images * data.std + data.mean).clamp(0, 1).view(-1, *data.shape).numpy()
        return found

    return Examples(
        pixels(original), pixels(adversarial), label.numpy(), predicted.numpy(), index.numpy(), epsilon, domain
    )

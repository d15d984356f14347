"""Testing a model on stimuli in time: its answers at every step in one table, its responses in one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import polars as pl
import torch
from torch import Tensor

from ..images.batches import Batches
from ..images.packed import Images
from ..networks import RecurrentNetwork
from ..params import Testing
from ..stimuli import Presentation, present
from .responses import ResponseFile


@dataclass(frozen=True)
class Measured:
    """What a test says in numbers: accuracies and confidences are means over images.

    Attributes:
        images: how many images there were.
        peak_accuracy: the largest accuracy at any step.
        accuracy, confidence: over the steps at which the stimulus is there; confidence is that in the label.
    """

    images: int
    peak_accuracy: float
    accuracy: float
    confidence: float


class _Observed:
    """Collects the activity of one batch as the network tells it, reduced as soon as it is there."""

    def __init__(self, resolution: str) -> None:
        self._reduce = resolution == "layer"
        self._parts: dict[str, list[Tensor]] = {}
        self.start: dict[str, int] = {}

    def __call__(self, layer: str, start: int, activity: Tensor) -> None:
        """Take the activity (T', B, C, H, W) of a layer, from step `start` on."""
        self.start.setdefault(layer, start)
        if self._reduce:
            size = activity.abs().flatten(2).float()
            activity = torch.stack([size.mean(2), size.std(2, correction=0)])  # (2, T', B)
            self._parts.setdefault(layer, []).append(activity.permute(2, 1, 0))
        else:
            self._parts.setdefault(layer, []).append(activity.transpose(0, 1).half())

    def arrays(self) -> dict[str, Tensor]:
        """For each layer "<layer>/mean" and "<layer>/std" (B, T'), or "<layer>" (B, T', C, H, W)."""
        whole = {layer: torch.cat(parts, 1) for layer, parts in self._parts.items()}
        if not self._reduce:
            return whole
        return {
            f"{layer}/{name}": values[..., place]
            for layer, values in whole.items()
            for place, name in enumerate(("mean", "std"))
        }


class _Sums:
    """Sums over images of what is right, and how sure the network is."""

    def __init__(self) -> None:
        self._images = 0
        self._right: Tensor | None = None
        self._during = torch.zeros(3, dtype=torch.float64)

    def add(self, logits: Tensor, shown: Tensor, labels: Tensor) -> None:
        """Take a batch: logits (B, T, K), labels by time (B, T), −1 where there is no stimulus, and labels (B,)."""
        right = (logits.argmax(2) == labels[:, None]).double()
        confidence = logits.softmax(2).gather(2, labels[:, None, None].expand(-1, logits.shape[1], 1))[..., 0]
        there = (shown >= 0).double()
        self._images += len(labels)
        self._right = right.sum(0) + (0 if self._right is None else self._right)
        parts = [(right * there).sum(), (confidence * there).sum(), there.sum()]
        self._during += torch.stack(parts).cpu()

    def measured(self) -> Measured:
        """The means."""
        right, confidence, steps = self._during.tolist()
        peak = 0.0 if self._right is None else float(self._right.max()) / self._images
        steps = steps or float("nan")  # a stimulus that is never there has no accuracy
        return Measured(self._images, peak, right / steps, confidence / steps)


class _Recorder:
    """Writes answers and responses batch by batch.

    Args:
        testing: the settings.
        images: the images.
        outputs, responses: the files.
    """

    def __init__(self, testing: Testing, images: Images, outputs: BinaryIO, responses: Path) -> None:
        self._testing = testing
        self._classes = list(images.classes)
        self._kept = min(len(images), testing.response_batches * testing.test_batch_size)
        self._outputs = outputs
        self._path = responses
        self._file: ResponseFile | None = None

    def answers(self, shown: Presentation, logits: Tensor, labels: Tensor, first: int) -> None:
        """Write a row for each image and step."""
        images, steps, _ = logits.shape
        probabilities = logits.softmax(2)
        confidence, guess = probabilities.max(2)
        own = probabilities.gather(2, labels[:, None, None].expand(-1, steps, 1))[..., 0]
        place = torch.arange(first, first + images)
        columns = {
            "sample_index": place[:, None],
            "times_index": torch.arange(steps)[None],
            "label_index": shown.labels,
            "guess_index": guess,
            "image_index": place[:, None],
            "first_label_index": labels[:, None],
            "guess_confidence": confidence,
            "first_label_confidence": own,
        }
        table = pl.DataFrame(
            {name: column.expand(images, steps).flatten().cpu().numpy() for name, column in columns.items()}
        )
        table.write_csv(self._outputs, include_header=not first, float_precision=6)

    def responses(self, observed: _Observed, logits: Tensor, labels: Tensor) -> None:
        """Write the responses of a batch; the first one says how large the file is."""
        arrays = {"classifier": logits.float(), **observed.arrays()}
        if self._file is None:
            kinds = {name: "float32" if "/" in name or name == "classifier" else "float16" for name in arrays}
            shapes = {name: ((self._kept, *value.shape[1:]), kinds[name]) for name, value in arrays.items()}
            about = {
                "classes": self._classes,
                "start": observed.start,
                "resolution": self._testing.response_resolution,
                "layers": list(observed.start),
            }
            self._file = ResponseFile(self._path, shapes, about)
        for name, value in arrays.items():
            self._file.append(name, value)

    def close(self) -> None:
        """Write what is not yet written."""
        if self._file is not None:
            self._file.close()


@torch.inference_mode()
def run_test(
    network: RecurrentNetwork,
    testing: Testing,
    images: Images,
    seed: int,
    outputs: Path,
    responses: Path,
    tell: Callable[[int, int], None] = lambda done, images: None,
) -> Measured:
    """Test a network, until answers and responses of as many batches as asked for are recorded, or images end.

    Args:
        network: the network, on the device that it is to run on.
        testing: the settings.
        images: the images; classes come by turns.
        seed: of noise: that of an image depends on this and on the image's place alone.
        outputs: the file of answers, csv, a row for each image and step.
        responses: the file of responses, as `read_responses` reads it.
        tell: called with the number of images that are done, and that are to be done.
    """
    network.eval()
    device = next(network.parameters()).device
    last = max(testing.record_batches, testing.response_batches)
    batches = Batches(images, testing.test_batch_size, device=device)
    sums, done = _Sums(), 0
    with outputs.open("wb") as opened:
        recorder = _Recorder(testing, images, opened, responses)
        for number, (pixels, labels) in enumerate(islice(batches, last)):
            shown = present(testing.loader, pixels, labels, seed=seed, first=done)
            observed = _Observed(testing.response_resolution) if number < testing.response_batches else None
            logits = network(
                shown.frames,
                shown.order,
                blank=shown.blank,
                idle=testing.idle,
                ffonly=testing.ffonly,
                observe=observed,
            ).float()
            if observed is not None:
                recorder.responses(observed, logits, labels)
            if number < testing.record_batches:
                recorder.answers(shown, logits, labels, done)
                sums.add(logits, shown.labels, labels)
            done += len(labels)
            tell(done, min(len(images), last * testing.test_batch_size))
        recorder.close()
    return sums.measured()

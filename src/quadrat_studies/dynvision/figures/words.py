"""What parameters, categories and columns are called on axes and in legends, with their units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..analysis.summaries import FEW, Error

_ERRORS = {"ci95": "95 % CI", "sem": "s.e.m.", "std": "s.d."}


@dataclass(frozen=True)
class About:
    """What a figure cannot know from its data.

    Attributes:
        title: a line above it: what the data are of.
        classes: names of all classes of the classifier, by their index.
        error: what bands and bars show: "ci95", "sem" or "std".
        labels: names for axes and legends in place of those in `NAMES`, with their units.
    """

    title: str = ""
    classes: tuple[str, ...] = ()
    error: Error = "ci95"
    labels: Mapping[str, str] = field(default_factory=dict)

    def label(self, name: str) -> str:
        """What a parameter, a category or a column is called, with its unit: "stimulus duration (ms)"."""
        known = NAMES.get(name, Name(name))
        return self.labels.get(name, with_unit(known.label, known.unit))

    def class_name(self, index: int) -> str:
        """The name of a class, else its index."""
        return self.classes[index] if 0 <= index < len(self.classes) else str(index)

    def interval(self, over: str, numbers: tuple[int, int]) -> str:
        """What bands and bars are, as a line of a figure's head: "mean and 95 % CI over 3 seeds".

        Args:
            over: "seeds" or "samples".
            numbers: the fewest and the most of them that a mean is of.
        """
        low, high = numbers
        several = f"{low}–{high}" if low < high else str(high)
        if high < 2:
            return f"one {over.removesuffix('s')}, no interval"
        if over == "seeds" and high < FEW and self.error == "ci95":
            return f"mean and range of {several} seeds"
        return f"mean and {_ERRORS[self.error]} over {several} {over}"


PLAIN = About()
"""Nothing beside the data."""


@dataclass(frozen=True)
class Name:
    """What something is called.

    Attributes:
        label: in words.
        unit: of its values; "" for none.
        in_steps: whether values are time steps, which are shown in ms.
    """

    label: str
    unit: str = ""
    in_steps: bool = False


NAMES = {
    "stim": Name("stimulus duration", "ms", in_steps=True),
    "intro": Name("time before the stimulus", "ms", in_steps=True),
    "interval": Name("interval between stimuli", "ms", in_steps=True),
    "dsteps": Name("duration of the test", "ms", in_steps=True),
    "idle": Name("idle time before the test", "ms", in_steps=True),
    "tsteps": Name("time in training", "ms", in_steps=True),
    "contrast": Name("contrast", "fraction"),
    "ssnr": Name("signal in the stimulus", "fraction of variance"),
    "epoch": Name("training", "epochs"),
    "dt": Name("time step", "ms"),
    "tau": Name("time constant τ", "ms"),
    "tff": Name("feedforward delay", "ms"),
    "trc": Name("recurrent delay", "ms"),
    "tsk": Name("skip delay", "ms"),
    "tfb": Name("feedback delay", "ms"),
    "lossrt": Name("reaction time in the loss", "ms"),
    "activityloss": Name("weight of the activity loss"),
    "supralin": Name("exponent of the nonlinearity"),
    "rctype": Name("recurrence"),
    "rctarget": Name("target of recurrence"),
    "pattern": Name("presentation in training"),
    "feedback": Name("feedback connections"),
    "skip": Name("skip connections"),
    "ffonly": Name("feedforward only"),
    "pretrained": Name("pretrained"),
    "dloader": Name("data loader"),
    "noisetype": Name("noise"),
    "model_name": Name("model"),
    "accuracy": Name("accuracy", "fraction"),
    "top3_accuracy": Name("top-3 accuracy", "fraction"),
    "top5_accuracy": Name("top-5 accuracy", "fraction"),
    "first_label_confidence": Name("confidence in the class", "probability"),
    "guess_confidence": Name("confidence in the guess", "probability"),
}


def with_unit(label: str, unit: str) -> str:
    """A label with its unit in brackets."""
    return f"{label} ({unit})" if unit else label


def without_unit(label: str) -> str:
    """A label without the unit in brackets at its end."""
    return label.rpartition(" (")[0] or label

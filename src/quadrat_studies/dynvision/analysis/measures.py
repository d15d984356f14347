"""Measures of a response in time: one number of each trace.

A trace is a (…, T) array of float, one value a time step; NaN is a value that is missing, such as that of a layer that
nothing has reached yet, and is left out. A trace without any value has NaN as its measure. `dt` is the time step in ms,
one for all traces or an array (…) with one for each. Time counts from the first step of the test, idle steps excluded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..faults import unknown

Floats = NDArray[np.float64]

APART = 5
"""Steps that two peaks are apart, at least."""


def peak_height(traces: ArrayLike, dt: ArrayLike = 1.0) -> Floats:
    """The largest value."""
    values, is_known = _known(traces)
    return np.where(is_known.any(-1), np.max(values, -1, where=is_known, initial=-np.inf), np.nan)


def peak_time(traces: ArrayLike, dt: ArrayLike = 1.0) -> Floats:
    """When the trace is at its largest value for the first time, ms."""
    values, is_known = _known(traces)
    first = np.where(is_known, values, -np.inf).argmax(-1)
    return np.where(is_known.any(-1), first * np.asarray(dt, dtype=float), np.nan)


def onset_time(traces: ArrayLike, dt: ArrayLike = 1.0) -> Floats:
    """When the rise to the peak is half-way up, ms: the step after the last one below, before the peak.

    Half-way is between the peak and the lowest value before it. A trace that is at its peak from the beginning has
    its first known step as onset.
    """
    values, is_known = _known(traces)
    steps = np.arange(values.shape[-1])
    peak = np.where(is_known, values, -np.inf).argmax(-1)[..., None]
    is_before = is_known & (steps <= peak)
    lowest = np.min(values, -1, where=is_before, initial=np.inf)
    with np.errstate(invalid="ignore"):
        half = (lowest + peak_height(traces)) / 2
    last_below = np.where(is_before & (values < half[..., None]), steps, -1).max(-1)
    onset = np.where(last_below < 0, is_known.argmax(-1), last_below + 1)
    return np.where(is_known.any(-1), onset * np.asarray(dt, dtype=float), np.nan)


def power(traces: ArrayLike, dt: ArrayLike = 1.0) -> Floats:
    """The mean over time of the squared value: the signal's average power, in the trace's unit squared."""
    values, _ = _known(traces)
    return time_average(values**2)


def time_average(traces: ArrayLike, dt: ArrayLike = 1.0) -> Floats:
    """The mean over time."""
    values, is_known = _known(traces)
    number = is_known.sum(-1)
    return np.where(number > 0, np.sum(values, -1, where=is_known) / np.maximum(number, 1), np.nan)


def summed_response(traces: ArrayLike, dt: ArrayLike = 1.0) -> Floats:
    """The sum over the time steps, in the trace's unit × steps."""
    values, is_known = _known(traces)
    return np.where(is_known.any(-1), np.sum(values, -1, where=is_known), np.nan)


def peak_ratio(traces: ArrayLike, dt: ArrayLike = 1.0) -> Floats:
    """Of the two highest peaks the later one over the earlier one; NaN where there are not two.

    A peak is a positive value, at the beginning of a plateau if it stays, above those on both sides; the first and the
    last step are none. The second of the two is the highest one that is 5 steps or more from the highest of all, and
    of equal ones the earliest.
    """
    values, is_known = _known(traces)
    steps = np.arange(values.shape[-1])
    heights = np.where(is_known & (values > 0) & _is_maximum(values), values, -np.inf)
    highest = heights.argmax(-1)[..., None]
    others = np.where(np.abs(steps - highest) >= APART, heights, -np.inf)
    second = others.argmax(-1)[..., None]
    one, other = np.take_along_axis(heights, highest, -1)[..., 0], np.take_along_axis(others, second, -1)[..., 0]
    is_later = (second > highest)[..., 0]
    with np.errstate(invalid="ignore"):
        ratio = np.where(is_later, other, one) / np.where(is_later, one, other)
    return np.where(np.isfinite(other), ratio, np.nan)


def _known(traces: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    values = np.asarray(traces, dtype=float)
    return values, ~np.isnan(values)


def _is_maximum(values: Floats) -> NDArray[np.bool_]:
    """Where values are above the one before and, after a plateau if there is one, above the one that follows."""
    found = np.zeros(values.shape, dtype=bool)
    falls = np.zeros(values.shape[:-1], dtype=bool)  # whether the next value that differs is lower
    for step in range(values.shape[-1] - 2, 0, -1):
        here, after = values[..., step], values[..., step + 1]
        falls = np.where(after == here, falls, after < here)
        found[..., step] = falls & (values[..., step - 1] < here)
    return found


@dataclass(frozen=True)
class Measure:
    """A measure of traces, and what it is called on an axis.

    Attributes:
        function: takes traces (…, T) and the time step in ms, and gives (…).
        label: its name in words.
        unit: of its values, where those of traces are in "a.u."; "" for none.
        is_relative: whether values are divided by the largest one over the parameter of the experiment.
    """

    function: Callable[[Any, Any], Floats]
    label: str
    unit: str
    is_relative: bool = False


MEASURES = {
    "peak_height": Measure(peak_height, "peak height", "a.u."),
    "peak_time": Measure(peak_time, "time of the peak", "ms"),
    "onset_time": Measure(onset_time, "time of the onset", "ms"),
    "power": Measure(power, "power", "a.u.²"),
    "time_average": Measure(time_average, "mean over time", "a.u."),
    "summed_response": Measure(summed_response, "summed response", "fraction of maximum", is_relative=True),
    "peak_ratio": Measure(peak_ratio, "later / earlier peak", ""),
}
"""Every measure by its name."""

FOCUS = {"stim": "summed_response", "contrast": "peak_time", "interval": "peak_ratio"}
"""The measure that tells most about a parameter of an experiment; elsewhere `peak_height`."""


def focus(parameter: str) -> str:
    """The name of the measure that tells most about a parameter."""
    return FOCUS.get(parameter, "peak_height")


def find_measure(name: str) -> Measure:
    """A measure by its name.

    Raises:
        BadInput: for one that does not exist.
    """
    if name not in MEASURES:
        raise unknown("measure", name, MEASURES, "measure")
    return MEASURES[name]

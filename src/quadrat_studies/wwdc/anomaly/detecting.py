"""Detectors on embeddings: fitted to normal training samples, asked of normal test samples and of all anomalies."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from quadrat import BadInput, suggest

from ..catalog.reading import rows
from ..instantiating import locate
from ..params import Tree
from ..streams import draws, seed_of
from .measures import MEASURES, Vector, measure, resamples

ALL = "all"
"""All kinds of anomalies together."""


def detect(embeddings: xr.Dataset, detectors: Sequence[Tree], fit_samples: int, bootstrap: int) -> xr.Dataset:
    """The scores of all detectors, and how well they tell each kind of anomaly from normal samples.

    Returns:
        scores (detector, sample) and measures (detector, kind, measure, draw), draw 0 being all samples once and the
        others bootstrap draws; `anomaly` (sample) is the kind, 0 for normal. Without kinds where no anomalies are
        embedded.

    Raises:
        BadInput: a detector that cannot be made; no normal samples to fit to.
    """
    seed = int(embeddings.attrs["seed"])
    test, odd = rows(embeddings, "test"), rows(embeddings, "anomaly")
    if not len(odd):
        return _nothing(test)
    fitted_to = draws(seed, "detectors").permutation(rows(embeddings, "train"))[:fit_samples]
    if not len(fitted_to) or not len(test):
        raise BadInput(
            "detectors are fitted to normal samples of the split train, and compare with those of test",
            where="splits",
            hint="splits: [train, test, anomaly] in embed.yaml",
        )
    fit, asked = embeddings.isel(sample=fitted_to), embeddings.isel(sample=np.concatenate([test, odd]))
    names = [str(tree.get("name", tree.get("score", tree.get("_target_")))) for tree in detectors]
    scores = np.stack([_scores(tree, fit, asked, seed) for tree in detectors])
    kinds = asked.kind.values
    labels = list(embeddings.kind.attrs["names"])
    found = [ALL, *labels[1:]]
    table = np.empty((len(names), len(found), len(MEASURES), bootstrap + 1))
    for number, kind in enumerate(found):
        chosen = np.flatnonzero((kinds == 0) | (kind == ALL) | (kinds == _index(labels, kind)))
        anomalous = kinds[chosen] > 0
        weights = resamples(anomalous, bootstrap, draws(seed, "bootstrap", kind))
        for place in range(len(names)):
            table[place, number] = measure(scores[place, chosen], anomalous, weights).T
    variables = {
        "scores": (("detector", "sample"), scores),
        "measures": (("detector", "kind", "measure", "draw"), table),
        "anomaly": ("sample", kinds),
    }
    coords = {"detector": names, "kind": found, "measure": list(MEASURES), "sample": asked.sample.values}
    return xr.Dataset(variables, coords=coords)


def _nothing(test: np.ndarray[tuple[int], np.dtype[np.int64]]) -> xr.Dataset:
    """What comes out where no anomalies are embedded."""
    empty = np.empty((0, 0, len(MEASURES), 1))
    variables = {
        "scores": (("detector", "sample"), np.empty((0, len(test)))),
        "measures": (("detector", "kind", "measure", "draw"), empty),
        "anomaly": ("sample", np.zeros(len(test), int)),
    }
    return xr.Dataset(variables, coords={"measure": list(MEASURES)}).assign_coords(
        detector=np.empty(0, str), kind=np.empty(0, str)
    )


def _index(labels: list[str], kind: str) -> int:
    return labels.index(kind) if kind in labels else -1


def _scores(tree: Tree, fit: xr.Dataset, asked: xr.Dataset, seed: int) -> Vector:
    if "score" in tree:  # a variable that is large for normal samples
        found: Vector = -asked[_known(tree["score"], asked)].values.astype(np.float64)
        return found
    options = {key: value for key, value in tree.items() if key not in ("name", "features", "_target_")}
    target = locate(str(tree["_target_"]), "analysis.anomaly.detectors")
    on = _known(tree.get("features", "u"), asked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # detectors warn of their libraries' next versions
        state = np.random.get_state()
        np.random.seed(seed_of(seed, "detector", str(tree.get("name"))) % 2**32)
        try:
            detector: Any = target(**options)
            detector.fit(fit[on].values.astype(np.float64))
            scores: Vector = detector.decision_function(asked[on].values.astype(np.float64))
        except TypeError as error:
            raise BadInput(f"{tree['_target_']}: {error}", where="analysis.anomaly.detectors") from None
        finally:
            np.random.set_state(state)
    return scores


def _known(name: str, embeddings: xr.Dataset) -> str:
    if name not in embeddings:
        known = [str(one) for one in embeddings.data_vars]
        raise BadInput(f"embeddings have no '{name}'", where="analysis.anomaly.detectors", hint=suggest(name, known))
    return name

"""Detectors that PyOD does not have; they have its two methods."""

from __future__ import annotations

from typing import Any

import numpy as np

Matrix = np.ndarray[Any, np.dtype[np.float64]]


class Mahalanobis:
    """The Mahalanobis distance, its covariance shrunk (Ledoit & Wolf 2004, J. Multivar. Anal. 88, 365)."""

    def fit(self, x: Matrix) -> Mahalanobis:
        """Take mean and covariance from normal samples (N, D)."""
        from sklearn.covariance import LedoitWolf

        self._fitted = LedoitWolf().fit(x)
        return self

    def decision_function(self, x: Matrix) -> Matrix:
        """The squared distance of samples (N, D), (N,)."""
        distance: Matrix = self._fitted.mahalanobis(x)
        return distance

"""ArviZ without its notice of the day: the only module that imports it."""

from __future__ import annotations

import os
import tempfile
import warnings
from typing import Any


def import_arviz() -> Any:
    """The module `arviz`.

    On its first import of a day ArviZ warns (FutureWarning) of its coming refactor and keeps the date in the user's
    cache folder. Exactly that warning is silenced; and where the folder cannot be written, or another process writes
    it at the same moment, ArviZ is imported with a cache folder of its own.

    Where Numba is installed ArviZ would use it, and its variance there is E[x²] - E[x]²: of traces that are large and
    hardly vary nothing is left but rounding, even below zero. So it is kept to NumPy: the same numbers everywhere.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing a major refactor", category=FutureWarning)
        try:
            import arviz

            module: Any = arviz
        except OSError:
            module = _with_own_cache()
    module.Numba.disable_numba()
    return module


def _with_own_cache() -> Any:
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            import arviz
        finally:
            if before is None:
                del os.environ["XDG_CACHE_HOME"]
            else:
                os.environ["XDG_CACHE_HOME"] = before
    return arviz

"""The number of threads of a run: its `cpus`, never more and never fewer, since another number changes the bits."""

from __future__ import annotations

import os
import sys
from typing import Any

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
)

_current: int | None = None
_modules = 0
_controller: Any = None


def environment(cpus: int) -> dict[str, str]:
    """The variables that libraries read when they are first imported."""
    return dict.fromkeys(VARIABLES, str(cpus))


def limit(cpus: int) -> None:
    """Let numerical libraries use this many threads from now on, those that are loaded and those that will be."""
    global _current, _modules, _controller
    if cpus == _current and len(sys.modules) == _modules:
        return
    os.environ.update(environment(cpus))
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != cpus:
        torch.set_num_threads(cpus)
    if any(name in sys.modules for name in ("numpy", "scipy", "sklearn")):
        from threadpoolctl import threadpool_limits

        if _controller is None or cpus != _current:
            _controller = threadpool_limits(limits=cpus)
    _current, _modules = cpus, len(sys.modules)


def reset_generators() -> None:
    """Start the global random generators anew, so that a run that uses them does not depend on what ran before it."""
    import random

    random.seed(0)
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed(0)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)

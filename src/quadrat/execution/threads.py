"""What a run shares with its process: the number of threads, and the global random generators.

A run's threads are its `cpus`, never more and never fewer, since another number changes the bits.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
)
# c10::default_rng_seed_val: what torch starts with, so that the run which imports it first is as any later one.
TORCH_SEED = 67280421310721

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

        _controller = threadpool_limits(limits=cpus)
    _current, _modules = cpus, len(sys.modules)


@contextmanager
def as_before() -> Iterator[None]:
    """Give a process that is not ours alone its threads back at the end."""
    global _current, _modules, _controller
    variables = {name: os.environ.get(name) for name in VARIABLES}
    torch = sys.modules.get("torch")
    count = torch.get_num_threads() if torch is not None else None
    before = _pools()
    try:
        yield
    finally:
        _current, _modules, _controller = None, 0, None
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if before is not None:
            before.restore_original_limits()
        if torch is not None:
            torch.set_num_threads(count)


def _pools() -> Any:
    """What restores the present number of threads of the libraries that are loaded."""
    if "numpy" not in sys.modules:
        return None
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=None)


def reset_generators() -> None:
    """Start the global random generators anew, so that a run that uses them does not depend on what ran before it."""
    random.seed(0)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(0)  # numpy loads it here at the latest: before the task, or its first run would be unseeded
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(TORCH_SEED)


def load_generators() -> None:
    """Load the libraries whose global generators start at random, so that they can be reset before the first run."""
    if importlib.util.find_spec("numpy") is not None:
        import numpy.random  # noqa: F401

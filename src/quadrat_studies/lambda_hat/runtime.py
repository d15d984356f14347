"""JAX as the runs of this study want it: one thread, both precisions at hand, compiled code kept between processes."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
"""A run has one thread, as its task declares: with more, sums are cut elsewhere and their last bits change."""


def prepare() -> None:
    """Set JAX up, before anything computes; again does nothing.

    The folder for compiled code is `$JAX_COMPILATION_CACHE_DIR`, else `quadrat/jax` in `$XDG_CACHE_HOME` (`~/.cache`);
    an empty `$JAX_COMPILATION_CACHE_DIR` keeps nothing.
    """
    if _FLAGS not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAGS}".strip()
    # Several workers may share a device: each takes the memory that it needs, not three quarters at its start.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    if getattr(jax.config, "jax_compilation_cache_dir", None) is None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(base / "quadrat" / "jax" / _machine()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


@contextmanager
def both_precisions() -> Iterator[None]:
    """Inside, float64 exists; what is computed has the precision that it asks for."""
    prepare()
    import jax

    with jax.enable_x64(True):
        yield


def is_tiny(n: int, d: int) -> bool:
    """Whether a gradient on n examples for d parameters takes microseconds."""
    return n * d <= _TINY


def compiler_options(n: int, d: int) -> dict[str, Any] | None:
    """How XLA compiles what computes such gradients again and again; None is as usual.

    What is tiny takes longer to compile than to run. So on a CPU half of compiling is saved for a tenth of running.
    """
    import jax

    return _quick() if jax.default_backend() == "cpu" and is_tiny(n, d) else None


_TINY = 20_000


@lru_cache(maxsize=1)
def _quick() -> dict[str, Any]:
    """The options that this version of XLA knows."""
    import jax

    best = {"xla_backend_optimization_level": 1, "xla_cpu_use_fusion_emitters": False}
    try:
        jax.jit(lambda: 0, compiler_options=best).lower().compile()
    except jax.errors.JaxRuntimeError:
        return {"xla_backend_optimization_level": 1}
    return best


def _machine() -> str:
    """What compiled code depends on and JAX's key does not tell apart: a home is shared by machines of many kinds."""
    cpu = Path("/proc/cpuinfo")
    flags = (
        next((line for line in cpu.read_text().splitlines() if line.startswith(("flags", "Features"))), "")
        if (cpu.exists())
        else platform.processor()
    )
    told = f"{platform.machine()} {flags} {metadata.version('jaxlib')} {sys.version_info[:2]}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]

"""What the tests of lambda_hat share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from once import shared


@pytest.fixture(scope="session", autouse=True)
def _compiled_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled code is kept for this session alone, and for the processes that it starts."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(shared(tmp_path_factory, "lambda_hat-cache"))
    from quadrat_studies.lambda_hat import runtime

    runtime.prepare()
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture
def doubles() -> Iterator[None]:
    """Float64 exists."""
    from quadrat_studies.lambda_hat.runtime import both_precisions

    with both_precisions():
        yield


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUADRAT_STORE", raising=False)
    return tmp_path

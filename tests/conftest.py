"""What every test stands on: a clean environment, hostile folders, real images, Hypothesis without a clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# A deadline fails on a busy machine only. CI draws the same examples each time: it fails for the change's sake alone.
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Read once, before `clean_environment` takes it away from the tests.
_DATA = os.environ.get("QUADRAT_DATA")
# What the caller's shell, git hook, cluster job or terminal may have set and no test may depend on.
_FOREIGN = ("QUADRAT_", "GIT_", "SLURM_", "SBATCH_", "HYDRA_", "FORCE_COLOR", "COLUMNS", "LINES")

HOSTILE_NAMES = {
    "spaces": " two  words ",
    "quotes": """it's "quoted" `so`""",
    "unicode": "größe-ε-数据-🌱",
    "shell": "$HOME;&|<>(*)[a-z]{x}!#~%=,:\\",
    "newline": "first\nsecond",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the caller's shell reaches a test."""
    for name in os.environ:
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)


@pytest.fixture(params=sorted(HOSTILE_NAMES))
def hostile_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An empty folder whose name breaks careless quoting; the test runs once for each kind of name."""
    folder = tmp_path / HOSTILE_NAMES[request.param]
    folder.mkdir()
    return folder


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The test's own empty folder, as the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium without a network; a test that wants it is skipped where there is none, but not in CI."""
    from browsing import started

    with started() as shown:
        yield shown


@pytest.fixture(scope="session")
def data_root() -> Path | None:
    """The folder of real images: $QUADRAT_DATA, else ../shared/data beside the checkout, else None."""
    for folder in (Path(_DATA) if _DATA else None, ROOT.parent / "shared" / "data"):
        if folder is not None and folder.is_dir():
            return folder.resolve()
    return None


@pytest.fixture
def mnist_root(data_root: Path | None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds `mnist/` with its four IDX files; QUADRAT_DATA points to it during the test."""
    if data_root is None or len(list(data_root.glob("mnist/*-ubyte*"))) < 4:
        pytest.skip("no MNIST: set QUADRAT_DATA to a folder with mnist/*.gz (or put it at ../shared/data)")
    monkeypatch.setenv("QUADRAT_DATA", str(data_root))
    return data_root

"""A finished sweep with hostile texts, and a reader of it who has the token."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import quadrat as qd
from once import once
from quadrat.running import How, run_plan
from quadrat.serving import Sources, make_app
from quadrat.watching import Watch

HOSTILE = """<script>alert("1")</script> & 'quoted' | `x` \x1b[1mbold\x1b[0m"""
TOKEN = "a-token-for-tests"
PARAMS: dict[str, Any] = {"text": [HOSTILE, "b"], "rate": [0.1, 0.2, 9.0], "seed": [0, 1, 2]}
LOCAL = "http://localhost"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen runs that finished, and six that failed; two that needed those."""

    def make(folder: Path) -> None:
        shutil.copy(Path(__file__).with_name("odd.py"), folder / "odd.py")
        opened = qd.open(str(folder / "odd.py"), store=folder / "runs", **PARAMS)
        tally = run_plan(opened.session, opened.plan(), How(executor="inline"))
        assert sum(tally.done.values()) == 16
        assert sum(tally.failed.values()) == 6
        for inside in (folder / "runs" / ".quadrat" / "runs").glob("*/*/files"):
            Path(inside, "out").symlink_to("/etc/passwd")  # no run keeps a link, but somebody may have put one there

    return once(tmp_path_factory, "odd", make)


@pytest.fixture
def opened(store: Path) -> Any:
    """The same from Python."""
    return qd.open(str(store / "odd.py"), store=store / "runs", **PARAMS)


@pytest.fixture
def watch(opened: Any) -> Watch:
    """The sweep as it is watched."""
    return Watch(opened.session)


@pytest.fixture
def reader(opened: Any) -> Iterator[TestClient]:
    """Somebody who has the token."""
    app = make_app(Sources(opened.session.store, [opened.session]), TOKEN)
    with TestClient(app, base_url=LOCAL, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client

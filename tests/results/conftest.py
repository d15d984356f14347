"""A small study that has run, and where it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from quadrat.running import How, run_plan
from quadrat.session import Request, Session, open_session

TINY = str(Path(__file__).with_name("tiny.py"))


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which all of `tiny` has run. Nobody writes to it."""
    store = tmp_path_factory.mktemp("tiny") / "runs"
    session = open_session(TINY, store)
    tally = run_plan(session, session.plan(), How(executor="inline"))
    assert not tally.failures
    return store


@pytest.fixture
def tiny(ran: Path) -> Callable[..., Session]:
    """Sessions on that store."""
    return lambda *overrides: open_session(TINY, ran, Request(overrides=overrides))

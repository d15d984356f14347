"""The command line, in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line, in an empty folder with the study `chain.py`."""
    return Cli(tmp_path)

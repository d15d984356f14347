"""`quadrat doctor` where there is no SLURM, and where there is one that is of no use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chain_cli import Cli


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """All that is on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def heads(out: str) -> list[str]:
    return [line for line in out.splitlines() if not line.startswith(" ")]


def test_without_slurm(cli: Cli, commands: Path) -> None:
    answer = cli("doctor", PATH=str(commands))
    assert heads(answer.out) == ["this machine", "the store", "SLURM"]
    assert "  ok    none here (no `sbatch` on the path)" in answer.out
    assert "FAIL" not in answer.out
    assert not (cli.folder / "runs").exists()
    told = cli("doctor", "--json", PATH=str(commands)).json
    assert (told["ok"], told["site"], told["node"]) == (True, None, None)
    assert told["machine"]["quadrat"]["version"]


def test_beside_a_store_that_is_there(cli: Cli, commands: Path) -> None:
    cli("run", "chain.py", "lr=1")
    before = sorted(cli.folder.rglob("*"))
    answer = cli("doctor", PATH=str(commands))
    assert "not there yet" not in answer.out
    assert sorted(cli.folder.rglob("*")) == before


def test_a_slurm_that_does_not_answer(cli: Cli, commands: Path) -> None:
    for name in ("sbatch", "scontrol"):
        (commands / name).write_text(
            "#!/bin/sh\necho 'scontrol: error: Unable to contact slurm controller' >&2; exit 1\n"
        )
        (commands / name).chmod(0o755)
    answer = cli("doctor", code=1, PATH=f"{commands}:{os.defpath}")
    assert "  FAIL  Unable to contact slurm controller\n        → " in answer.out


def test_a_store_that_cannot_be(cli: Cli, commands: Path) -> None:
    (cli.folder / "runs").write_text("a file")
    answer = cli("doctor", code=1, PATH=str(commands))
    assert "  FAIL  " in answer.out
    assert "the store is a file, not a folder" in answer.out
    assert "SLURM" in answer.out


def test_slurm_s_commands_without_a_cluster(cli: Cli, commands: Path) -> None:
    said = "scontrol: error: fetch_config failed\nscontrol: fatal: Could not establish a configuration source"
    for name in ("sbatch", "scontrol"):
        (commands / name).write_text(f"#!/bin/sh\necho '{said}' >&2; exit 1\n")
        (commands / name).chmod(0o755)
    answer = cli("doctor", PATH=f"{commands}:{os.defpath}")
    assert "  warn  `sbatch` is here, but: Could not establish a configuration source\n        → " in answer.out

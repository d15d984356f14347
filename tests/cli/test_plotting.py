"""Figures by the command line: every kind, what `show` tells of them, and what is refused."""

from __future__ import annotations

import pytest

from chain_cli import Cli

STUDY = '''
import quadrat as qd

study = qd.Study("fits")


@study.task
def fit(run: qd.Run, rate: float = 0.1, net: str = "linear", seed: int = 0) -> dict:
    """Fit something."""
    for step in range(20):
        run.log(step, loss=1 / (1 + rate * step) + seed / 10)
    return {"acc": rate + seed / 10 + (net == "mlp")}
'''
SWEEP = ("rate=0.1,0.5", "net=linear,mlp", "seed=0,1,2")


@pytest.fixture
def ran(cli: Cli) -> Cli:
    """After a sweep of twelve runs."""
    (cli.folder / "fits.py").write_text(STUDY, encoding="utf-8")
    cli("run", "fits.py", *SWEEP)
    return cli


def test_every_kind_of_figure_knows_its_runs(ran: Cli) -> None:
    for number, options in enumerate(
        (
            ["-x", "rate", "-y", "acc", "--hue", "net"],
            ["-x", "rate", "-y", "acc", "--facet", "net"],
            ["-x", "step", "-y", "loss", "--hue", "rate", "--where", "net=mlp"],
            ["-x", "rate", "-y", "acc", "--hue", "net", "--kind", "heat"],
            ["-x", "rate", "-y", "acc", "--hue", "net", "--kind", "paired", "--baseline", "0.1"],
            ["-y", "acc", "--kind", "ranking", "--lowest"],
            ["-y", "acc", "--kind", "parallel"],
        )
    ):
        file = f"{number}.png"
        assert ran("plot", "fits.py", "fit", *SWEEP, *options, "-o", file).out == f"{file}\n"
        told = ran("show", file, "--json").json
        assert len(told["runs"]) == (6 if "net=mlp" in options else 12)
        assert all(f" {word}" in told["command"] for word in options)
    said = ran("show", "0.png").out
    assert said.startswith("figure of 12 runs of fits/fit in ")
    assert f"made by: quadrat plot {ran.folder / 'fits.py'} fit -x rate -y acc --hue net " in said


def test_files_that_are_not_named_say_what_they_are(ran: Cli) -> None:
    written = ran("plot", "fits.py", "fit", *SWEEP, "-x", "rate", "-y", "acc", "--hue", "net", "--kind", "heat").out
    assert [line.rpartition("/")[2] for line in written.split()] == [
        f"fits_fit_acc_vs_rate_by_net_heat.{kind}" for kind in ("pdf", "png")
    ]


def test_what_cannot_be_drawn(ran: Cli) -> None:
    for options, message in (
        (["-y", "acc"], "-x: a figure of kind 'lines' has a horizontal axis"),
        (["-y", "acc", "--kind", "heet"], "--kind: unknown kind of figure 'heet'\n  did you mean 'heat'?"),
        (["-y", "los", "-x", "step"], "unknown curve of 'fit' 'los'\n  did you mean 'loss'?"),
        (["-y", "acc", "-x", "rate", "--hue", "net", "--facet", "nett"], "--facet: unknown column"),
        (["-y", "acc", "-x", "rate", "--kind", "paired"], "net varies too"),
    ):
        assert message in ran("plot", "fits.py", "fit", *SWEEP, *options, code=2).err


def test_a_picture_that_is_no_figure_is_looked_for_among_runs(ran: Cli) -> None:
    (ran.folder / "other.png").write_bytes(b"no figure")
    assert "other.png" in ran("show", "other.png", code=None).err

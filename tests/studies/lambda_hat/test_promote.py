"""The command that copies plots out of runs: which it takes, what it writes, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from quadrat_studies.lambda_hat.promote import main

HMC_OLD = "tgt_aaaaaaaaaaaa/run_hmc_00000001"
HMC_NEW = "tgt_bbbbbbbbbbbb/run_hmc_00000002"
SGLD = "tgt_aaaaaaaaaaaa/run_sgld_00000003"
MCLMC = "tgt_aaaaaaaaaaaa/run_mclmc_00000004"
PLOTS = ("llc_convergence_combined.png", "trace.png", "rank.png")


def make(root: Path, run: str, time: float, **others: Any) -> Path:
    """A run whose analysis is of that time; its plots say whose they are."""
    folder = root / "targets" / run
    (folder / "diagnostics").mkdir(parents=True)
    for plot in PLOTS:
        (folder / "diagnostics" / plot).write_text(f"{run} {plot}")
        (folder / "diagnostics" / plot).chmod(0o444)
    analysis = {"llc_mean": 7.481, "llc_sem": 0.0456, "r_hat": 1.0012, "ess": 1612.3, "converged": True}
    (folder / "analysis.json").write_text(json.dumps(analysis | others))
    os.utime(folder / "analysis.json", (time, time))
    return folder


def fill(root: Path) -> Path:
    make(root, HMC_NEW, 2000)
    make(root, HMC_OLD, 1000)
    make(root, SGLD, 1000, converged=False, r_hat=1.2)
    make(root, MCLMC, 1000, r_hat=None)
    unfinished = root / "targets" / "tgt_cccccccccccc" / "run_nuts_00000005"
    (unfinished / "diagnostics").mkdir(parents=True)
    return root


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return fill(tmp_path / "runs")


def ask(verb: str, runs: Path, samplers: str, *others: str | Path) -> int:
    return main([verb, "--runs-root", str(runs), "--samplers", samplers, *map(str, others)])


def test_a_gallery(tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results" / "sweep"
    assert (
        ask("gallery", runs, "hmc,sgld,mclmc", "--outdir", out, "--snippet-out", tmp_path / "report" / "page.md") == 0
    )
    assert sorted(path.name for path in out.iterdir()) == ["hmc.png", "mclmc.png", "sgld.png"]
    assert (out / "hmc.png").read_text() == f"{HMC_NEW} llc_convergence_combined.png"
    page = (tmp_path / "report" / "page.md").read_text(encoding="utf-8")
    assert page == (
        "# llc_convergence_combined.png by sampler\n\n"
        f"## hmc\n\n`{HMC_NEW}`: λ̂ = 7.481 ± 0.0456 (standard error), r̂ 1.001, ESS 1612\n\n"
        "![hmc](../results/sweep/hmc.png)\n\n"
        f"## sgld\n\n`{SGLD}`: λ̂ = 7.481 ± 0.0456 (standard error), r̂ 1.2, ESS 1612, **not converged**\n\n"
        "![sgld](../results/sweep/sgld.png)\n\n"
        f"## mclmc\n\n`{MCLMC}`: λ̂ = 7.481 ± 0.0456 (standard error), r̂ unknown, ESS 1612\n\n"
        "![mclmc](../results/sweep/mclmc.png)\n"
    )
    said = capsys.readouterr()
    assert said.err == ""
    assert f"hmc.png  from {HMC_NEW}" in said.out


def test_links_hold_wherever_the_folders_are(hostile_path: Path) -> None:
    runs, out = fill(hostile_path / "ru ns"), hostile_path / "out (1)"
    assert ask("gallery", runs, "hmc", "--outdir", out, "--snippet-out", hostile_path / "p" / "x.md") == 0
    assert ask("gallery", runs, "hmc", "--outdir", out) == 0
    for page in (hostile_path / "p" / "x.md", out / "README.md"):
        (link,) = re.findall(r"\]\((.*)\)", page.read_text(encoding="utf-8"))
        assert not re.search(r"[\s()]", link)
        assert (page.parent / unquote(link)).read_text() == f"{HMC_NEW} llc_convergence_combined.png"


def test_single_copies_without_a_page(tmp_path: Path, runs: Path) -> None:
    assert ask("single", runs, "hmc, sgld,hmc", "--outdir", tmp_path / "out") == 0
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "hmc.png": f"{HMC_NEW} trace.png",
        "sgld.png": f"{SGLD} trace.png",
    }


def test_another_plot_with_or_without_its_suffix(tmp_path: Path, runs: Path) -> None:
    for name in ("rank.png", "rank"):
        assert ask("gallery", runs, "hmc", "--outdir", tmp_path / name, "--plot-name", name) == 0
        assert (tmp_path / name / "hmc.png").read_text() == f"{HMC_NEW} rank.png"


def test_of_equally_old_runs_the_last_name_is_taken(tmp_path: Path) -> None:
    for run in (HMC_NEW, HMC_OLD, "tgt_aaaaaaaaaaaa/run_hmc_ffffffff"):
        make(tmp_path / "runs", run, 1000)
    assert ask("single", tmp_path / "runs", "hmc", "--outdir", tmp_path) == 0
    assert (tmp_path / "hmc.png").read_text() == f"{HMC_NEW} trace.png"


@pytest.mark.parametrize("prefix", [HMC_OLD, HMC_OLD[:24], "tgt_aaaaaaaaaaaa", "tgt_a"])
def test_a_certain_run_can_be_asked_for(tmp_path: Path, runs: Path, prefix: str) -> None:
    assert ask("single", runs, "hmc,sgld", "--outdir", tmp_path / "out", "--run", prefix) == 0
    assert (tmp_path / "out" / "hmc.png").read_text() == f"{HMC_OLD} trace.png"
    assert (tmp_path / "out" / "sgld.png").read_text() == f"{SGLD} trace.png"


def test_json_tells_what_was_copied(tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("gallery", runs, "sgld", "--outdir", tmp_path / "out", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["run"] == SGLD
    assert told["file"] == (tmp_path / "out" / "sgld.png").as_posix()
    assert (told["llc_mean"], told["converged"]) == (7.481, False)


def test_copies_are_files_of_their_own(tmp_path: Path, runs: Path) -> None:
    plot = runs / "targets" / HMC_NEW / "diagnostics" / "trace.png"
    (tmp_path / "out").mkdir()
    os.link(runs / "targets" / SGLD / "diagnostics" / "rank.png", tmp_path / "out" / "hmc.png")  # read-only, of a run
    assert ask("single", runs, "hmc", "--outdir", tmp_path / "out") == 0
    copy = tmp_path / "out" / "hmc.png"
    assert copy.stat().st_mode & stat.S_IWUSR
    assert copy.stat().st_nlink == 1
    copy.write_text("edited")
    assert plot.read_text() == f"{HMC_NEW} trace.png"
    assert (runs / "targets" / SGLD / "diagnostics" / "rank.png").read_text() == f"{SGLD} rank.png"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["hmc.png"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["gallery", "--samplers", "hcm"], "sampler 'hcm' in {runs}: did you mean 'hmc'? there is hmc, mclmc, sgld"),
        (
            ["gallery", "--samplers", "hmc,nuts"],
            "no finished run of sampler 'nuts' in {runs}; there is hmc, mclmc, sgld",
        ),
        (["single", "--samplers", "hmc", "--plot-name", "tarce.png"], "no plot 'tarce.png': did you mean 'trace.png'?"),
        (["single", "--samplers", "hmc", "--plot-name", "../analysis.json"], "has no plot '../analysis.json'"),
        (["single", "--samplers", "hmc", "--run", "tgt_zz"], "no finished run is called 'tgt_zz…'"),
        (
            ["single", "--samplers", "mclmc", "--run", "tgt_b"],
            "no finished run of 'mclmc' is called 'tgt_b…'; there is ",
        ),
        (["single", "--samplers", " , "], "--samplers names no sampler"),
        (["gallery"], "the following arguments are required: --samplers"),
        (["galery", "--samplers", "hmc"], "invalid choice: 'galery'"),
        (["single", "--samplers", "hmc", "--snippet-out", "x"], "unrecognized arguments: --snippet-out"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main([*asked, "--runs-root", str(runs), "--outdir", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said.format(runs=runs) in err
    assert sorted(tmp_path.rglob("*")) == before


def test_bad_files_are_told_in_a_line(tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("single", tmp_path / "none", "hmc", "--outdir", tmp_path / "out") == 2
    assert "holds no runs" in capsys.readouterr().err
    for text, words in (("{", "is no JSON"), ("[]", "is no mapping")):
        (runs / "targets" / HMC_OLD / "analysis.json").write_text(text)
        assert ask("single", runs, "hmc", "--outdir", tmp_path / "out") == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").write_text("a file")
    assert ask("single", runs, "sgld", "--outdir", tmp_path / "out") == 2
    assert re.fullmatch(r"error: .*out: File exists\n", capsys.readouterr().err)


@pytest.mark.parametrize("asked", [["--help"], ["gallery", "--help"], ["single", "-h"]])
def test_help_has_examples(capsys: pytest.CaptureFixture[str], asked: list[str]) -> None:
    assert main(asked) == 0
    assert "lambda-hat-promote gallery --runs-root runs --samplers hmc,sgld,mclmc" in capsys.readouterr().out

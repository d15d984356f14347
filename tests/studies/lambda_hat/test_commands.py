"""The experiment file and the commands of the page on sweeps, as users type them."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

import studying
from page import sections
from quadrat.store.store import Store
from studies.lambda_hat.sweeps import EXAMPLES, SMALL, Folder, complete, example, finished

pytest.importorskip("jax")
pytest.importorskip("arviz")

SIZES = {
    "sweep": (3, 9),
    "architectures": (4, 12),
    "data_scaling": (4, 12),
    "seeds": (5, 15),
    "sampler_options": (3, 21),
    "mixed_precision": (1, 2),
    "float32": (1, 1),
    "wide_vs_deep": (4, 8),
    "ablation": (4, 12),
    "incremental": (3, 9),
}
"""Of each example its targets and its sampler runs."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The small sweep, finished; to look at."""
    return finished(tmp_path_factory)


# --- the examples of the page --------------------------------------------------------------------------------------


def test_every_example_is_here() -> None:
    assert sorted(SIZES) == sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


@pytest.mark.parametrize("name", SIZES)
def test_an_example_plans_every_target_with_every_sampler(tmp_path: Path, name: str) -> None:
    folder = Folder(tmp_path, complete(example(name)))
    targets, runs = SIZES[name]
    listed = folder.listed()
    counts = {task: len({one["id"] for one in items if one["reason"] == "new"}) for task, items in listed.items()}
    assert counts == {"target": targets, "sample": runs, "diagnose": runs, "summary": 1}


def test_looking_runs_and_writes_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path, example("sweep"))
    assert "lambda_hat  22 runs, 22 to run" in folder.quadrat("run", "lambda_hat", "-n")
    assert folder.counts("to_run") == {"target": 3, "sample": 9, "diagnose": 9, "summary": 1}
    assert folder.names() == ["config"]


def test_options_say_what_the_example_says(tmp_path: Path) -> None:
    folder = Folder(tmp_path, complete(example("sampler_options")))
    runs = [one["params"] for one in folder.items("sample")][:7]
    assert [one["sampler.num_integration_steps"] for one in runs if one["sampler.name"] == "hmc"] == [10, 5, 20, 10]
    assert [one["sampler.chains"] for one in runs if one["sampler.name"] == "hmc"] == [4, 4, 4, 8]
    assert [one["sampler.step_size"] for one in runs if one["sampler.name"] == "sgld"] == [1e-7, 1e-6, 1e-5]
    folder.write(complete(example("architectures")))
    last = folder.items("target")[-1]["params"]
    assert (last["model.activation"], last["model.depth"], last["training.steps"]) == ("identity", 6, 15000)


def test_a_preset_has_the_size_that_it_says(tmp_path: Path) -> None:
    folder = Folder(tmp_path, complete(example("sweep")))
    models = [one["params"] for one in folder.items("target")]
    assert [one["model.widths"] for one in models] == [[4, 4], None, None]
    assert [one["model.target_params"] for one in models] == [None, 10_000, 20_000]


@pytest.mark.parametrize(
    ("before", "targets", "runs"),
    [
        # What is there already, by the words of the example: new are hmc and sgld on `huge`, and mclmc on all.
        ("".join(line for line in example("incremental").splitlines(keepends=True) if "NEW" not in line), 1, 2 + 3),
        # What the page's first example has made: its sgld and mclmc had other options.
        (example("sweep"), 1, 1 + 3 + 3),
        (example("incremental"), 0, 0),
    ],
    ids=["as it says", "first example", "itself"],
)
def test_what_is_added_is_all_that_is_new(here: Path, before: str, targets: int, runs: int) -> None:
    file = here / "config" / "experiments.yaml"
    file.parent.mkdir()
    file.write_text(before)
    done = studying.all_finished(studying.plan("lambda_hat"))  # type: ignore[arg-type]
    file.write_text(example("incremental"))
    planned = studying.to_run(studying.plan("lambda_hat", finished=done))  # type: ignore[arg-type]
    assert planned == {"target": targets, "sample": runs, "diagnose": runs, "summary": int(runs > 0)}


# --- a sweep that has run ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_report_has_the_page_and_its_figures_once(small: Folder, tmp_path: Path) -> None:
    small.quadrat("report", "lambda_hat", "-o", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    ((title, part),) = sections(text).items()
    assert title == "Local learning coefficients"
    assert part.count("<h3") == 4  # the page's headings below that of the section
    assert part.count("<img") == 4
    assert "<code>llc" not in text  # not in the gallery again
    assert "λ̂" in part


def test_each_target_is_built_once(small: Folder) -> None:
    assert small.counts("finished", "status") == {"target": 3, "sample": 6, "diagnose": 6, "summary": 1}
    records = Store(small.path / "runs").records()
    assert Counter((one.task, one.attempt) for one in records) == {
        ("target", 1): 3,
        ("sample", 1): 6,
        ("diagnose", 1): 6,
        ("summary", 1): 1,
    }
    targets = sorted((small.path / "runs" / "targets").iterdir())
    assert len(targets) == 3
    for folder in targets:
        meta = json.loads((folder / "meta.json").read_text())
        assert meta["target_id"] == folder.name
        assert re.fullmatch(r"tgt_[0-9a-f]{12}", folder.name)
        runs = sorted(one.name for one in folder.glob("run_*"))
        assert [re.sub(r"_[0-9a-f]{8}$", "", name) for name in runs] == ["run_hmc", "run_sgld"]
        for name in runs:
            analysis = json.loads((folder / name / "analysis.json").read_text())
            assert (analysis["target_id"], analysis["run_id"]) == (folder.name, name)
    assert "nothing to run" in small.quadrat("run", "lambda_hat")


@pytest.mark.slow
def test_a_sampler_that_is_added_runs_alone(small: Folder, tmp_path: Path) -> None:
    folder = small.copy(tmp_path)
    more = (
        "  - { name: sgld, overrides: { step_size: 1e-5, steps: 200, warmup: 20, eval_every: 10, batch_size: 16 } }\n"
    )
    folder.write(SMALL + more)
    assert folder.counts("to_run") == {"target": 0, "sample": 3, "diagnose": 3, "summary": 1}
    folder.quadrat("run", "lambda_hat", "--to", "sample")
    assert folder.counts("finished", "status") == {"target": 3, "sample": 9, "diagnose": 6, "summary": 0}
    records = Store(folder.path / "runs").records()
    assert {one.attempt for one in records} == {1}
    folder.write(SMALL)
    assert folder.counts("to_run") == {"target": 0, "sample": 0, "diagnose": 0, "summary": 0}


@pytest.mark.slow
def test_the_analysis_of_the_page_runs_unchanged(small: Folder, tmp_path: Path) -> None:
    folder = small.copy(tmp_path)
    (folder.path / "analyze.py").write_text((EXAMPLES / "analyze.txt").read_text())
    said = folder.command(sys.executable, "analyze.py")
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines()[-2:]}
    assert sorted(rows) == ["hmc", "sgld"]
    for sampler, row in rows.items():
        assert row[0] == "13", said  # parameters of all three targets
        llc = [
            json.loads(path.read_text())["llc_mean"]
            for path in (folder.path / "runs").glob(f"targets/*/run_{sampler}_*/analysis.json")
        ]
        assert float(row[1]) == pytest.approx(sum(llc) / 3, abs=1e-3)
        assert "NaN" not in row


@pytest.mark.slow
def test_plots_are_promoted_as_on_the_page(small: Folder, tmp_path: Path) -> None:
    folder = small.copy(tmp_path)
    said = folder.command(
        *("lambda-hat-promote", "gallery", "--runs-root", "runs", "--samplers", "hmc,sgld"),
        *("--outdir", "results/sweep_2024_01", "--snippet-out", "results/sweep_2024_01/README.md"),
    )
    out = folder.path / "results" / "sweep_2024_01"
    assert sorted(one.name for one in out.iterdir()) == ["README.md", "hmc.png", "sgld.png"]
    page = (out / "README.md").read_text()
    for sampler in ("hmc", "sgld"):
        (told,) = re.findall(rf"results/sweep_2024_01/{sampler}.png  from (\S+)", said)
        figure = folder.path / "runs" / "targets" / told / "diagnostics" / "llc_convergence_combined.png"
        assert (out / f"{sampler}.png").read_bytes() == figure.read_bytes()
        assert f"![{sampler}]({sampler}.png)" in page
        assert told in page


# --- ids -----------------------------------------------------------------------------------------------------------


def test_a_number_is_one_however_it_is_written(tmp_path: Path) -> None:
    found = set()
    for text in ("1e-6", "1.0e-6", "0.000001"):
        folder = Folder(tmp_path, example("sweep").replace("1e-6", text))
        found.add(tuple(one["id"] for one in folder.items("sample")))
    assert len(found) == 1


def test_ids_stay(tmp_path: Path) -> None:
    targets = "  - { model: small, data: small, teacher: _null, seed: 42 }"
    folder = Folder(tmp_path, f"targets:\n{targets}\nsamplers:\n  - {{ name: hmc }}\n")
    listed = folder.listed()
    (target,), (run,) = listed["target"], listed["sample"]
    assert target["id"] == "736201c8984a2cb89feb6081c781d2f7"
    assert run["id"] == "f94ba43fac4e58ce5bec211ff0628c93"


# --- bad input -----------------------------------------------------------------------------------------------------

BAD = """\
store_root: "runs"
jax_enable_x64: true
posterior: {}

targets:
  - { model: small, data: small, teacher: _null, seed: 42 }
  - { model: small, data: base, seed: 43 }

samplers:
  - { name: hmc }
  - { name: sgld }
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "hint"),
    [
        ("model: small, data: base", "model: smal, data: base", 7, "there is no preset of model 'smal'", "'small'"),
        ("data: base", "data: bace", 7, "there is no preset of data 'bace'", "'base'"),
        ("teacher: _null", "teacher: nul", 6, "there is no preset of teacher 'nul'", "'_null'"),
        ("name: sgld", "name: sgdl", 11, "there is no sampler 'sgdl'", "'sgld'"),
        ("sgld }", "sgld, overrides: { stepsize: 1 } }", 11, "no option of sgld 'stepsize'", "'step_size'"),
        ("hmc }", "hmc, overrides: { eval_every: 1 } }", 10, "no option of hmc 'eval_every'", "known: seed, chains"),
        ("sgld }", "sgld, overides: { steps: 9 } }", 11, "there is no key 'overides'", "'overrides'"),
        ("seed: 43", "sede: 43", 7, "there is no key 'sede'", "'seed'"),
        ("seed: 43", "overrides: { modl: { depth: 1 } }", 7, "there is no key 'modl'", "'model'"),
        ("seed: 43", "overrides: { model: { dept: 1 } }", 7, "there is no key 'dept'", "'depth'"),
        ("samplers:", "smaplers:", 9, "unknown parameter 'smaplers'", "'samplers'"),
        ("x64: true", "x64: false", 10, "hmc works in float64, but the experiment has", "jax_enable_x64: true"),
        ("hmc }", "hmc, overrides: { dtype: float32 } }", 10, "hmc needs float64", "leave dtype away"),
        (
            "sgld }",
            "sgld, overrides: { gamma: 1.0, prior_radius: 2.0 } }",
            11,
            "gamma and prior_radius are two ways to say one thing",
            "set one",
        ),
        ("posterior: {}", "posterior: { gamma: 1, prior_radius: 2 }", 3, "gamma and prior_radius are two", "set one"),
        (
            "hmc }",
            "hmc, overrides: { draws: 500 } }",
            10,
            "500 draws are not more than the 500 steps of warm-up",
            "draws above 500",
        ),
        (
            "sgld }",
            "sgld, overrides: { steps: 5000 } }",
            11,
            "5,000 steps with 5,000 of warm-up",
            "5,200 steps or more",
        ),
        (
            "seed: 43",
            "overrides: { model: { widths: [3, 3], depth: 5 } }",
            7,
            "widths has 2 widths, but model.depth is 5",
            "give 5 widths",
        ),
        ("seed: 43", "seed: -1", 7, "'seed': input should be greater than or equal to 0", "not -1"),
        (
            "sgld }",
            "sgld, overrides: { step_size: tiny } }",
            11,
            "'step_size': input should be a valid number",
            "'tiny'",
        ),
    ],
)
def test_bad_input_is_one_error_at_its_place(
    tmp_path: Path, old: str, new: str, line: int, message: str, hint: str
) -> None:
    assert BAD.count(old) == 1
    folder = Folder(tmp_path, BAD.replace(old, new))
    said = folder.quadrat("run", "lambda_hat", code=2)
    assert message in said
    assert hint in said
    assert said.count("error:") == 1
    assert "Traceback" not in said
    assert folder.names() == ["config"]
    assert said.startswith(f"error: config/experiments.yaml:{line}: "), said

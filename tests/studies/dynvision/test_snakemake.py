"""Every Snakemake command of the study's page and of the requirements, in a fresh folder, on digits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snakefiles.flow import is_done, jobs
from studies.dynvision.projects import SMALL, Project

pytest.importorskip("snakemake")

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    ROOT / "docs" / "studies" / "dynvision.md",
    *sorted((ROOT.parent / "shared" / "requirements").glob("[12]-dynvision*.md")),
]
COMMAND = re.compile(r"^(?:\$ )?((?:snakemake|\./cluster/snakecharm\.sh)(?: [^\n]*\\\n)*[^\n]*)$", re.MULTILINE)
FENCE = re.compile(r"^```(?:bash|console no-test)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The commands in the fenced examples of the pages, each on one line, on digits."""
    found: dict[str, None] = {}
    for page in PAGES:
        for block in FENCE.findall(page.read_text(encoding="utf-8")) if page.exists() else ():
            for match in COMMAND.findall(block):
                line = " ".join(match.replace("\\\n", " ").split())
                if line.count('"') % 2:  # the page has one quotation mark too many
                    line = line.rstrip('"')
                line = line.replace("/path/to/model_dir/", "$PWD/models/")
                line = re.sub(
                    r"--dag (\S+)", r"\1 --dag", line
                )  # which takes what stands behind it for a format by now
                found[line.replace("cifar100", "digits").replace("cifar10", "digits")] = None
    return list(found)


def dropped(line: str) -> bool:
    """Whether Snakemake itself no longer knows what the command says."""
    return "--cluster " in line


def dry(line: str) -> str:
    """The command as one that only shows what would be done."""
    return line if " -n" in line or "--dag" in line else re.sub(r"^(\S+)", r"\1 -n", line)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A fresh folder with a Snakefile; AlexNet needs larger images than digits have."""
    project = Project(tmp_path_factory.mktemp("fresh"), SMALL + "data_resolution: 64\n")
    project.call("quadrat", "snakefile", "dynvision")
    return project


def test_the_pages_have_commands() -> None:
    assert len(commands()) >= 10


@pytest.mark.parametrize("line", [line for line in commands() if not dropped(line)])
def test_a_command_is_taken_as_it_is_written(fresh: Project, line: str) -> None:
    said = fresh.shell(dry(line).replace("dot -Tpdf", "cat"))
    drawn = fresh.folder / "workflow.pdf"
    assert jobs(said) or "digraph" in drawn.read_text()
    drawn.unlink(missing_ok=True)


def test_what_snakemake_has_dropped_is_a_profile(fresh: Project) -> None:
    assert any("--cluster" in line for line in commands()) or not PAGES[1:] or not PAGES[1].exists()
    assert jobs(fresh.shell("./cluster/snakecharm.sh -j100 all_experiments -n"))
    assert "unrecognized arguments" in fresh.shell('snakemake -n -j1 all --cluster "sbatch"', code=2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A folder in which one experiment was made by Snakemake."""
    project = Project(tmp_path_factory.mktemp("made"), SMALL.replace("[full, none]", "full"))
    project.call("quadrat", "snakefile", "dynvision", "--chunk", "50")
    project.call("snakemake", "-j2", "--config", "experiment=contrast")
    return project


@pytest.mark.slow
def test_an_experiment_is_made_and_finished_for_quadrat_too(made: Project) -> None:
    figures = made.files("reports/figures/contrast/*/*.png")
    assert {Path(name).name for name in figures} >= {"adaption.png", "responses.png", "performance.png"}
    assert (made.folder / "reports" / "experiment_contrast.done").read_text().split()
    assert "nothing to run" in made.call("quadrat", "run", "dynvision", "experiment=contrast")
    assert is_done(made.call("snakemake", "-n", "--config", "experiment=contrast"))


@pytest.mark.slow
def test_files_are_made_by_their_names_in_both_spellings(made: Project) -> None:
    names = [
        "models/DyRCNNx2_0000_digits_trained.pt",
        "models/DyRCNNx2/DyRCNNx2:tsteps=4+rctype:self_0001_digits_trained-best.pt",
        "models/DyRCNNx2/DyRCNNx2:lr=1e-3_0001_digits_init_StimulusContrast:dsteps=4+stim=2+intro=0_even_test_responses.pt",
    ]
    made.call("snakemake", "-j2", names[0], str(made.folder / names[1]), names[2])
    for name in names:
        assert (made.folder / name).stat().st_size > 1000
    assert is_done(made.call("snakemake", "-n", *names))


@pytest.mark.slow
def test_forcerun_makes_tests_again(made: Project) -> None:
    said = made.call(
        "snakemake", "-n", "all_experiments", "--forcerun", "test_model", "--config", "experiment=contrast"
    )
    assert jobs(said)["test_model"] == 2
    assert "train_model" not in jobs(said)


@pytest.mark.slow
def test_long_arguments_have_a_short_name_that_make_and_show_know(tmp_path: Path) -> None:
    args = ", ".join(f"{name}: {value}" for name, value in LONG.items())
    project = Project(tmp_path, SMALL.replace("{ rctype: [full, none], tsteps: 6 }", f"{{ {args} }}"))
    project.call("quadrat", "run", "dynvision", "--to", "init")
    (name,) = project.files("models/DyRCNNx2/*_init.pt")
    assert re.search(r"DyRCNNx2:~[0-9a-f]{12}_0001_digits_init\.pt", name)
    assert "depthpointwise" in project.call("quadrat", "show", name)
    project.call("quadrat", "snakefile", "dynvision")
    assert is_done(project.call("quadrat", "make", "-n", name))


LONG = {
    "rctype": "depthpointwise",
    "rctarget": "output",
    "tsteps": 6,
    "dt": 2.5,
    "tau": 5.5,
    "trc": 7.5,
    "tff": 2.5,
    "tsk": 2.5,
    "supralin": 1.25,
    "solver": "rk4",
    "skip": "mul",
    "feedback": "add",
}

"""show, path, logs, debug, note, quarantine, verify, gc, dag, new, studies, completion."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from chain_cli import Cli


@pytest.fixture
def ran(cli: Cli) -> Cli:
    """After a sweep of which one run failed."""
    cli("run", "chain.py", "lr=1,7", code=1)
    return cli


def ids(cli: Cli, *arguments: str) -> dict[str, str]:
    """Task to id of a plan with one run of each."""
    items = cli("plan", "chain.py", *arguments, "--list", "--json").json["items"]
    return {one["task"]: one["id"] for one in items}


def test_show_a_finished_run(ran: Cli) -> None:
    id = ids(ran, "lr=1")["fit"]
    shown = ran("show", id[:8]).out
    for text in (id, "lr    1.0", "loss  2.0", "weights.txt", "provenance", "fitting with 1.0", "init="):
        assert text in shown, text
    told = ran("show", id, "--json").json
    assert told["state"] == "finished"
    assert told["metrics"] == {"loss": 2.0}
    assert told["seeds"].keys() == {"init"}
    assert Path(told["folder"], told["artifacts"]["weights"]["path"]).is_file()


def test_show_the_run_behind_a_file(ran: Cli) -> None:
    id = ids(ran, "lr=1")["fit"]
    told = ran("show", id, "--json").json
    file = Path(told["folder"], told["artifacts"]["weights"]["path"])
    view = file.parents[4] / "a view.txt"
    view.hardlink_to(file)
    link = view.with_name("a link")
    link.symlink_to(file.parent)
    for path in (file, view, link):
        assert id in ran("show", str(path)).out
    assert "is no run id" in ran("show", __file__, code=2).err


def test_show_what_a_run_read(ran: Cli) -> None:
    found = ids(ran, "lr=1")
    told = ran("show", found["test"], "--json").json
    assert told["inputs"] == {"fit": found["fit"]}
    assert told["chain"] == {"fit.lr": 1.0, "fit.seed": 0}
    assert told["read"][0]["id"] == found["fit"]


def test_show_and_logs_of_a_failed_run(ran: Cli) -> None:
    id = ids(ran, "lr=7")["fit"]
    assert "FAILED (error): ValueError: the rate 7.0 is too large" in ran("show", id).err
    assert ran("show", id, "--json").json["state"] == "failed"
    log = ran("logs", id).out
    assert "fitting with 7.0" in log
    assert "too large" in log


def test_debug_runs_one_run_alone_and_commits_nothing(ran: Cli) -> None:
    found = ids(ran, "lr=1")
    before = sorted((ran.folder / "runs" / ".quadrat" / "runs").rglob("run.json"))
    assert "it worked; nothing was committed" in ran("debug", found["test"]).err
    assert sorted((ran.folder / "runs" / ".quadrat" / "runs").rglob("run.json")) == before
    failed = ran("debug", ids(ran, "lr=7")["fit"], "--no-pdb", code=1)
    assert "too large" in failed.err


def test_notes(ran: Cli) -> None:
    id = ids(ran, "lr=1")["fit"]
    ran("note", id[:8], "a <spike> at step 200")
    assert "a <spike> at step 200" in ran("show", id).out


def test_verify_finds_damage_and_quarantine_lets_it_be_made_again(ran: Cli) -> None:
    assert "3 runs checked, no problem" in ran("verify").out
    id = ids(ran, "lr=1")["fit"]
    file = Path(ran("path", id, "weights").out.strip())
    file.chmod(0o644)
    file.write_text("")
    told = ran("verify", code=1).out
    assert id[:12] in told
    assert "is truncated" in told
    assert "quarantine" in told
    assert ran("verify", "--json", code=1).json["problems"][0]["id"] == id
    assert "set aside" in ran("quarantine", id).out
    assert ran("status", "chain.py", "lr=1", "--json").json["to_run"] == 1
    ran("run", "chain.py", "lr=1")
    assert "no problem" in ran("verify").out


def test_gc_shows_first(ran: Cli) -> None:
    ran("run", "chain.py", "lr=1", "--rerun", "all")
    shown = ran("gc").out
    assert "replaced attempt" in shown
    assert "nothing was deleted" in shown
    assert len(ran("gc", "--json").json["leftovers"]) == 3
    assert "deleted" in ran("gc", "--yes").out
    assert "nothing to delete" in ran("gc").out
    assert ran("status", "chain.py", "lr=1", "--json").json["finished"] == 3


def test_gc_of_runs_that_are_in_no_plan_any_more(ran: Cli) -> None:
    ran("run", "chain.py", "lr=1,2")
    told = ran("gc", "--study", "chain.py", "lr=1", "--json").json["leftovers"]
    assert len(told) == 3
    assert all("not in the plan" in one["kind"] for one in told)
    ran("gc", "--study", "chain.py", "lr=1", "--yes")
    assert ran("status", "chain.py", "lr=1,2", "--json").json["finished"] == 3


def test_ids_by_their_first_digits(ran: Cli) -> None:
    assert "no run begins with" in ran("show", "0123456789ab", code=2).err
    assert "is no run id" in ran("show", "xyz", code=2).err


def test_there_is_no_store(cli: Cli) -> None:
    assert "there is no store" in cli("show", "abc", code=2).err


def test_dag(cli: Cli) -> None:
    assert "fit --> test" in cli("dag", "chain.py").out
    assert "test -->|over seed| average" in cli("dag", "chain.py").out
    assert '"fit" -> "test"' in cli("dag", "chain.py", "--format", "dot").out
    drawn = ET.fromstring(cli("dag", "chain.py", "--format", "svg").out)
    texts = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"fit", "test", "average", "over seed"} <= texts
    assert "unknown format 'png'" in cli("dag", "chain.py", "--format", "png", code=2).err


def test_new_makes_a_study_that_can_be_planned_and_run(cli: Cli) -> None:
    pytest.importorskip("torch")
    cli("new", "my_study")
    assert cli("plan", "my_study/", "--json").json["study"] == "my_study"
    assert "5 of 5 runs finished" in cli("run", "my_study/", "num_epochs=1", "dropout_prob=0", "seed=1").out
    assert "exists already" in cli("new", "my_study", code=2).err
    assert "is no name" in cli("new", "9lives", code=2).err


def test_studies(cli: Cli) -> None:
    assert "mnist_fgsm" in json.loads(cli("studies", "--json").out)


def test_version_and_help(cli: Cli) -> None:
    assert cli("--version").out.startswith("quadrat ")
    for verb in ("run", "plan", "status", "results", "plot", "sql", "export", "show", "debug", "gc"):
        assert "Examples" in cli(verb, "--help").out, verb


def test_completion_offers_studies_tasks_and_parameters(cli: Cli) -> None:
    def complete(line: str) -> str:
        return cli(
            _QUADRAT_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split(" ")) - 1), code=None
        ).out

    assert "mnist_fgsm" in complete("quadrat run mn")
    assert "average" in complete("quadrat run chain.py --only av")
    assert "seed=" in complete("quadrat run chain.py se")

"""run, plan, status: what scripts rely on, and what people read."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_cli import Cli

COUNTS = ["runs", "finished", "to_run", "failed", "outdated"]


def test_run_finishes_everything_and_a_second_time_nothing(cli: Cli) -> None:
    first = cli("run", "chain.py", "lr=1,2", "seed=1,2,3")
    assert "14 of 14 runs finished" in first.out
    assert str(cli.folder / "runs") in first.out
    second = cli("run", "chain.py", "lr=1,2", "seed=1,2,3")
    assert "nothing to run: all 14 runs are finished" in second.out
    more = cli("run", "chain.py", "lr=1,2", "seed=1,2,3,4")
    assert "6 of 6 runs finished" in more.out  # 2 fits, 2 tests, and the 2 averages, which have other members now


def test_json_of_plan_and_status(cli: Cli) -> None:
    planned = cli("plan", "chain.py", "seed=1,2", "--json").json
    assert list(planned) == ["study", *COUNTS, "tasks"]
    assert [list(one) for one in planned["tasks"]] == [["task", *COUNTS]] * 3
    assert planned["runs"] == planned["to_run"] == 5
    assert not (cli.folder / "runs").exists(), "planning writes nothing"
    cli("run", "chain.py", "seed=1,2", "--to", "fit")
    status = cli("status", "chain.py", "seed=1,2", "--json").json
    assert [status[key] for key in COUNTS] == [5, 2, 3, 0, 0]
    assert status["tasks"][0] == {"task": "fit", "runs": 2, "finished": 2, "to_run": 0, "failed": 0, "outdated": 0}


def test_json_list_has_ids_params_upstreams_and_reasons(cli: Cli) -> None:
    cli("run", "chain.py", "seed=1", "--to", "fit")
    items = cli("plan", "chain.py", "seed=1,2", "--list", "--json").json["items"]
    assert [(one["task"], one["reason"]) for one in items] == [
        ("fit", "finished"),
        ("fit", "new"),
        ("test", "new"),
        ("test", "new"),
        ("average", "new"),
    ]
    assert items[0]["params"] == {"lr": 0.1, "seed": 1}
    assert items[2]["upstream"] == {"fit": items[0]["id"]}
    assert items[4]["upstream"] == {"test": [items[2]["id"], items[3]["id"]]}


def test_failures_stop_their_descendants_only_and_are_grouped(cli: Cli) -> None:
    failed = cli("run", "chain.py", "lr=1,7", "seed=1,2", code=1)
    assert "5 of 10 runs finished" in failed.out
    assert "FAILED 2 runs of fit: ValueError: the rate 7.0 is too large" in failed.err
    assert "3 runs that needed them did not run" in failed.err
    assert "chain.py" in failed.err
    assert "execution/" not in failed.err, "the user's own frames only"
    assert "it printed:" in failed.err
    assert "fitting with 7.0" in failed.err
    reasons = [one["reason"] for one in cli("plan", "chain.py", "lr=7", "--list", "--json").json["items"]]
    assert reasons == ["new", "new", "new"]
    status = cli("status", "chain.py", "lr=1,7", "seed=1,2", "--json").json
    assert (status["failed"], status["to_run"]) == (2, 5)
    left = cli("run", "chain.py", "lr=1,7", "seed=1,2", "--rerun", "none", code=1)
    assert "0 of" in left.out


def test_fixing_the_code_makes_failed_runs_work(cli: Cli) -> None:
    cli("run", "chain.py", "lr=1,7", code=1)
    cli.study.write_text(cli.study.read_text().replace("> 5", "> 50"))
    mended = cli("run", "chain.py", "lr=1,7")
    assert "OUTDATED" in mended.err
    assert cli("status", "chain.py", "lr=1,7", "--json").json["failed"] == 0


def test_outdated_is_kept_told_rerun_or_accepted(cli: Cli) -> None:
    cli("run", "chain.py")
    cli.study.write_text(cli.study.read_text().replace("* 2 +", "* 3 +"))
    told = cli("run", "chain.py")
    assert "nothing to run" in told.out
    assert "OUTDATED: the code of 1 finished runs" in told.err
    assert cli("status", "chain.py", "--json").json["outdated"] == 1
    accepted = cli("accept", "chain.py")
    assert "accepted 1 run of fit" in accepted.out
    assert cli("status", "chain.py", "--json").json["outdated"] == 0
    cli.study.write_text(cli.study.read_text().replace("* 3 +", "* 4 +"))
    again = cli("run", "chain.py", "--rerun", "outdated")
    assert "3 of 3 runs finished" in again.out, "what reads it runs again, since it came out otherwise"
    assert cli("results", "chain.py", "fit", "--format", "csv").out.splitlines()[1].endswith(",0.4")


def test_comments_do_not_make_runs_outdated(cli: Cli) -> None:
    cli("run", "chain.py")
    cli.study.write_text(cli.study.read_text().replace("    print(", "    # a comment\n\n    print("))
    assert cli("status", "chain.py", "--json").json["outdated"] == 0


def test_only_to_and_parts(cli: Cli) -> None:
    refused = cli("run", "chain.py", "--only", "average", code=2)
    assert "are not finished" in refused.err
    assert "--to average" in refused.err
    assert not (cli.folder / "runs").exists()
    cli("run", "chain.py", "--to", "test")
    assert "1 of 1 run finished" in cli("run", "chain.py", "--only", "average").out
    assert "nothing to run" in cli("run", "chain.py", "--only", "part_one").out


def test_where_selects_runs(cli: Cli) -> None:
    selected = cli("plan", "chain.py", "lr=1,2,3", "seed=1,2", "--where", "lr>=2", "--where", "seed=1", "--json").json
    assert [one["runs"] for one in selected["tasks"]] == [2, 2, 2]
    assert "no run passes lr=17" in cli("plan", "chain.py", "--where", "lr=17", code=2).err


def test_dry_run_writes_nothing(cli: Cli) -> None:
    shown = cli("run", "chain.py", "lr=1,2", "--dry-run")
    assert "6 runs" in shown.out
    assert "new" in shown.out
    assert not (cli.folder / "runs").exists()


def test_plan_estimates_from_past_runs(cli: Cli) -> None:
    assert "estimated" not in cli("plan", "chain.py").out
    cli("run", "chain.py")
    assert "estimated" in cli("plan", "chain.py", "lr=1,2").out


def test_views_are_links_to_the_artifacts(cli: Cli) -> None:
    ran = cli("run", "chain.py", "lr=1,2", "seed=7")
    assert "weights/* (2)" in ran.out
    names = sorted(path.name for path in (cli.folder / "runs" / "weights").iterdir())
    assert names == ["lr1.0_seed007.txt", "lr2.0_seed007.txt"]
    item = cli("plan", "chain.py", "lr=1", "seed=7", "--list", "--json").json["items"][0]
    artifact = Path(cli("path", item["id"][:10], "weights").out.strip())
    assert artifact.samefile(cli.folder / "runs" / "weights" / "lr1.0_seed007.txt")


def test_a_view_that_gives_two_runs_one_name_is_refused(cli: Cli) -> None:
    cli.study.write_text(cli.study.read_text().replace("weights/lr{lr}_seed", "weights/seed"))
    refused = cli("run", "chain.py", "lr=1,2", code=2)
    assert "to two runs of 'fit'" in refused.err
    assert "they differ in lr" in refused.err
    assert not (cli.folder / "runs").exists()


def test_a_view_that_asks_for_what_there_is_not_is_refused(cli: Cli) -> None:
    cli.study.write_text(cli.study.read_text().replace("seed{seed:03d}", "seed{sed:03d}"))
    refused = cli("run", "chain.py", code=2)
    assert "unknown name 'sed'" in refused.err
    assert "did you mean 'seed'?" in refused.err
    assert not (cli.folder / "runs").exists()


def test_prints_stream_with_one_worker(cli: Cli) -> None:
    assert "fitting with 0.1" in cli("run", "chain.py", "-j1").out


def test_configuration_files(cli: Cli) -> None:
    (cli.folder / "more.yaml").write_text("fit:\n  lr: 1e-1\nsweep:\n  seed: [1, 2, 3]\n")
    assert cli("plan", "chain.py", "--config", "more.yaml", "--json").json["runs"] == 7
    assert cli("plan", "chain.py", "--config", "more.yaml", "seed=1,2", "--json").json["runs"] == 5
    (cli.folder / "more.yaml").write_text("fit:\n  lr: 0010\n")
    assert "more.yaml:2: '0010' has leading zeros" in cli("plan", "chain.py", "--config", "more.yaml", code=2).err


def test_settings_of_the_library_in_a_file(cli: Cli) -> None:
    (cli.folder / "how.yaml").write_text("executor: inline\nresources: {fit: {cpus: 2}}\n")
    assert "3 of 3" in cli("run", "chain.py", "--config", "how.yaml").out
    (cli.folder / "how.yaml").write_text("executor: clowd\n")
    assert "unknown executor 'clowd'" in cli("run", "chain.py", "--config", "how.yaml", code=2).err


@pytest.mark.parametrize("variable", ["QUADRAT_STORE", None])
def test_where_the_store_is(cli: Cli, variable: str | None) -> None:
    if variable:
        cli("run", "chain.py", QUADRAT_STORE="elsewhere")
    else:
        cli("run", "chain.py", "--store", "elsewhere")
    assert (cli.folder / "elsewhere" / ".quadrat" / "format.json").is_file()
    assert not (cli.folder / "runs").exists()

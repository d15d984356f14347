"""What the live page is told: counts, rows, runs, differences, groups; every text of a user as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from quadrat.querying import averaged, table
from serving.conftest import HOSTILE


def told(reader: TestClient, path: str, **given: Any) -> Any:
    """The answer to a question about the sweep."""
    answer = reader.get(f"/api/odd/{path}", params=given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(reader: TestClient, task: str = "fit", **given: Any) -> list[dict[str, Any]]:
    """Rows of a task's table."""
    found: list[dict[str, Any]] = told(reader, f"tasks/{task}/rows", **{"count": 500, **given})["rows"]
    return found


def test_the_state_counts_as_status_does(reader: TestClient, opened: Any) -> None:
    state = told(reader, "state")
    for one, other in zip(state["tasks"], opened.status()["tasks"], strict=True):
        assert (one["task"], one["runs"], one["finished"]) == (other["task"], other["runs"], other["finished"])
        assert one["failed"] == other["failed"]
        assert one["running"] == 0
    assert [one["waiting"] for one in state["tasks"]] == [0, 2]
    assert (state["workers"], state["left"]) == ([], None)


def test_rows_have_all_runs_with_their_states(reader: TestClient, opened: Any) -> None:
    found = rows(reader)
    assert len(found) == 18
    assert sum(one["state"] == "failed" for one in found) == 6
    done = {one["run"]: one["loss"] for one in found if one["state"] == "finished"}
    frame = opened.results("fit")
    assert done == dict(zip(frame["run"].to_list(), frame["loss"].to_list(), strict=True))
    assert all(one["odd"] == "nan" for one in found if one["state"] == "finished")  # JSON has no number for it


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"filter": "rate:0.1"}, 6), ({"filter": "rate:0.1,0.2"}, 12), ({"filter": "rate:<5"}, 12),
        ({"filter": "rate:>=9"}, 6), ({"filter": "rate:!=9"}, 12), ({"filter": "state:fail"}, 6),
        ({"filter": "text:=b"}, 9), ({"filter": "text:!=b"}, 9), ({"filter": "text:SCRIPT"}, 9),
        ({"filter": ["rate:0.1", "seed:0"]}, 2), ({"words": "failed 9"}, 6), ({"words": "<SCRIPT> finished"}, 6),
        ({"filter": "loss:>0.25"}, 6), ({"filter": "loss:nan"}, 0),
    ],
)  # fmt: skip
def test_filters(reader: TestClient, given: dict[str, Any], count: int) -> None:
    assert len(rows(reader, **given)) == count


def test_sorting_and_pages_fit_together(reader: TestClient) -> None:
    whole = rows(reader, sort=["rate:desc", "seed:asc"])
    assert [one["rate"] for one in whole] == sorted((one["rate"] for one in whole), reverse=True)
    parts = [
        one for first in range(0, 20, 5) for one in rows(reader, sort=["rate:desc", "seed:asc"], first=first, count=5)
    ]
    assert parts == whole
    by_loss = [one["loss"] for one in rows(reader, sort="loss:desc")]
    assert by_loss[-6:] == [None] * 6  # what has no number comes last, whichever way


@pytest.mark.parametrize(
    ("path", "given", "part"),
    [
        ("tasks/fti/rows", {}, "did you mean 'fit'?"),
        ("tasks/fit/rows", {"sort": "lss:asc"}, "did you mean 'loss'?"),
        ("tasks/fit/rows", {"filter": "rate:fast"}, "is no number"),
        ("tasks/fit/rows", {"filter": "rate"}, "NAME:CONDITION"),
        ("tasks/fit/rows", {"first": "-1"}, "no whole number"),
        ("tasks/fit/comparison", {"x": "sed"}, ""),
    ],
)
def test_mistakes_are_told_with_the_nearest_name(
    reader: TestClient, path: str, given: dict[str, Any], part: str
) -> None:
    answer = reader.get(f"/api/odd/{path}", params=given)
    assert answer.status_code == (200 if "comparison" in path else 400)
    assert part in " ".join(str(one) for one in answer.json().values())


def test_a_run_tells_everything_as_text(reader: TestClient, opened: Any) -> None:
    one = rows(reader, filter=["state:finished", "text:script"])[0]
    run = told(reader, f"runs/{one['run']}")
    assert run["state"] == "finished"
    assert run["params"]["text"] == HOSTILE.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert run["metrics"]["loss"] == one["loss"]
    assert run["log"].startswith("over\n")  # what stood there before was written over
    assert "\x1b" not in json.dumps(run)
    assert [one["label"] for one in run["curves"]] == ["loss against step", "<i>odd</i> against step"]
    assert run["curves"][1]["series"][0]["values"][:5] == [0, 1, 2, None, 4]
    assert [one["task"] for one in run["readers"]] == ["mean"]
    mean = told(reader, f"runs/{run['readers'][0]['run']}")
    assert one["run"] in mean["inputs"][0]["runs"]
    assert run["provenance"]["python"]
    assert run["provenance"]["code"] == opened.run(one["run"]).record.code


def test_a_failed_run_tells_why_and_how_to_run_it_alone(reader: TestClient) -> None:
    one = rows(reader, filter="state:failed")[0]
    run = told(reader, f"runs/{one['run']}")
    assert (run["state"], run["failure"]["kind"]) == ("failed", "error")
    assert "too fast" in run["failure"]["message"]
    assert "\x1b" not in run["failure"]["message"]
    assert run["failure"]["rerun"].startswith(f"quadrat debug {one['run'][:12]}")
    assert len(run["log"]) < 70_000  # of a line of a million letters
    whole = reader.get(f"/api/odd/runs/{one['run']}/log")
    assert len(whole.content) > 1_000_000
    assert whole.headers["content-type"].startswith("text/plain")


def test_a_run_that_waits_is_there_too(reader: TestClient) -> None:
    one = rows(reader, "mean", filter="state:waiting")[0]
    run = told(reader, f"runs/{one['run']}")
    assert (run["state"], run["task"], run["params"]["rate"]) == ("waiting", "mean", 9.0)
    assert run["inputs"][0]["count"] == 3


def test_failures_by_cause(reader: TestClient) -> None:
    answer = told(reader, "failures")
    found = answer["causes"]
    assert (answer["failed"], answer["read"], answer["kinds"]) == (6, 6, 2)
    assert sorted(one["count"] for one in found) == [3, 3]
    assert {one["task"] for one in found} == {"fit"}
    assert all("too fast" in one["message"] and one["rerun"] for one in found)


def test_a_difference_names_what_differs_only(reader: TestClient) -> None:
    one, other = rows(reader, filter=["rate:0.1", "text:=b"], sort="seed:asc")[:2]
    found = told(reader, f"runs/{one['run']}/difference", other=other["run"][:10])
    assert found["params"] == [{"name": "seed", "one": 0, "other": 1}]
    assert [each["name"] for each in found["metrics"]] == ["loss"]


def test_groups_are_the_means_of_results(reader: TestClient, opened: Any) -> None:
    found = told(reader, "tasks/fit/comparison", x="rate", y="loss", hue="text")
    means = averaged(table(opened.session, "fit"), ["seed"]).sort("rate")
    for series in found["chart"]["series"]:
        text = "b" if series["name"] == "b" else HOSTILE
        own = means.filter(means["text"] == text)
        assert series["values"] == pytest.approx(own["loss_avg"].to_list())
        halves = [(high - low) / 2 for high, low in zip(series["high"], series["low"], strict=True)]
        assert halves == pytest.approx(own["loss_ci95"].to_list())
    assert "rate" in found["axes"]
    assert "loss" in found["metrics"]


def test_a_difference_to_a_run_that_waits_and_to_nothing(reader: TestClient) -> None:
    one, other = rows(reader, "mean", filter="state:finished")[0], rows(reader, "mean", filter="state:waiting")[0]
    found = told(reader, f"runs/{one['run']}/difference", other=other["run"][:10])
    assert {each["name"] for each in found["params"]} >= {"rate"}
    for text in ("", "xyz", "/etc/passwd", "../..", "f" * 33, "0" * 32):
        answer = reader.get(f"/api/odd/runs/{one['run']}/difference", params={"other": text})
        assert answer.status_code == 404, text
        assert "passwd" not in answer.text


def test_a_series_for_each_value_of_the_axis_itself_is_none(reader: TestClient) -> None:
    found = told(reader, "tasks/fit/comparison", x="rate", y="loss", hue="rate")
    assert len(found["chart"]["series"]) == 1


def test_groups_where_nothing_is_there_to_show(reader: TestClient) -> None:
    found = told(reader, "tasks/fit/comparison", x="rate", y="nothing")
    assert found["chart"] is None
    assert "nothing" in found["why"]
    assert reader.get("/api/odd/tasks/nothing/comparison").status_code == 400

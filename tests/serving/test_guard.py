"""Only who has the token may read, by a name of this machine; nothing can be written, no path leaves a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from quadrat.serving import Sources, make_app
from serving.conftest import LOCAL, TOKEN


@pytest.fixture
def stranger(opened: Any) -> TestClient:
    """Somebody without the token."""
    app = make_app(Sources(opened.session.store, [opened.session]), TOKEN)
    return TestClient(app, base_url=LOCAL, follow_redirects=False)


PATHS = ("/", "/static/ui.css", "/api/studies", "/api/odd/state", "/api/odd/events", "/nothing")


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_told(stranger: TestClient, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer other"}, {"Cookie": "quadrat=other"}):
        answer = stranger.get(path, headers=headers)
        assert answer.status_code == 403
        assert "quadrat ui" in answer.text
    assert stranger.get(f"{path}?token=other").status_code == 403


def test_the_address_with_the_token_becomes_a_cookie_and_leaves_the_address(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={TOKEN}&x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?x=1")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/").status_code == 200  # by the cookie


@pytest.mark.parametrize("other", ["foo/bar=1", "a@b=2", 'a={"x":1}', "flag", "a[0]=1", 'a="unclosed'])
def test_cookies_of_other_programs_of_this_host_do_no_harm(stranger: TestClient, other: str) -> None:
    for cookies in (f"{other}; quadrat={TOKEN}", f"quadrat={TOKEN}; {other}"):
        assert stranger.get("/api/studies", headers={"Cookie": cookies}).status_code == 200


def test_the_redirection_names_no_other_host(stranger: TestClient) -> None:
    answer = stranger.get(f"{LOCAL}//evil.example/?token={TOKEN}")
    assert answer.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8724", "localhost.evil.example", "192.168.0.7", ""])
def test_another_name_of_this_machine_is_refused_with_the_token_too(reader: TestClient, host: str) -> None:
    assert reader.get("/api/studies", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:9999", "127.0.0.1", "[::1]:8724"])
def test_names_of_loopback_with_any_port_are_let_in(reader: TestClient, host: str) -> None:
    assert reader.get("/api/studies", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading(reader: TestClient, method: str) -> None:
    assert reader.request(method, "/api/studies").status_code == 405


@pytest.mark.parametrize("path", ["/", "/api/odd/state", "/static/main.js", "/nothing"])
def test_every_answer_has_a_strict_policy(reader: TestClient, path: str) -> None:
    headers = reader.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


OUTSIDE = ("../run.json", "../../../../../odd.py", "/etc/passwd", "a.txt/../../run.json", "out", "\0", "a.txt\0")


@pytest.mark.parametrize("inside", OUTSIDE)
def test_no_path_leaves_the_artifact_of_a_run(reader: TestClient, finished: str, inside: str) -> None:
    answer = reader.get(f"/api/odd/runs/{finished}/artifacts/files", params={"inside": inside})
    assert answer.status_code == 404
    assert "root:" not in answer.text


@pytest.mark.parametrize("name", ["../picture", "..%2f..%2fodd.py", "%2fetc%2fpasswd", "run.json", "log.txt", "."])
def test_what_is_no_artifact_is_not_sent(reader: TestClient, finished: str, name: str) -> None:
    assert reader.get(f"/api/odd/runs/{finished}/artifacts/{name}").status_code == 404


@pytest.mark.parametrize("name", ["..%2fapp.py", "%2e%2e%2fapp.py", "app.py", "vendor%2fuPlot.min.css", ""])
def test_only_the_files_of_the_page_itself(reader: TestClient, name: str) -> None:
    assert reader.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("run", ["..", "*", "a" * 31, "A" * 32, "a" * 32, quote("../" * 10, safe="")])
def test_a_run_is_named_by_its_id_only(reader: TestClient, run: str) -> None:
    assert reader.get(f"/api/odd/runs/{run}").status_code in (400, 404)


def test_artifacts_of_users_are_not_run_by_the_browser(reader: TestClient, finished: str) -> None:
    picture = reader.get(f"/api/odd/runs/{finished}/artifacts/picture")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in picture.headers["content-security-policy"]
    assert reader.get(f"/api/odd/runs/{finished}/artifacts/files").json() == ["a.txt"]
    text = reader.get(f"/api/odd/runs/{finished}/artifacts/files", params={"inside": "a.txt"})
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text == "<script>alert(2)</script>"


@pytest.fixture
def finished(reader: TestClient) -> str:
    """A run that has finished."""
    rows = reader.get("/api/odd/tasks/fit/rows", params={"filter": "state:finished"}).json()["rows"]
    return str(rows[0]["run"])


def test_reading_changes_nothing_in_the_store(reader: TestClient, finished: str, store: Path) -> None:
    def there() -> dict[str, tuple[int, int]]:
        files = [one for one in sorted((store / "runs").rglob("*")) if not one.is_symlink()]
        return {str(one): (one.stat().st_size, one.stat().st_mtime_ns) for one in files}

    before = there()
    for path in ("studies", "odd/state", "odd/failures", "odd/graph.svg", "odd/tasks/fit/rows", f"odd/runs/{finished}"):
        assert reader.get(f"/api/{path}").status_code == 200
    assert reader.get("/api/odd/tasks/mean/comparison").status_code == 200
    assert there() == before

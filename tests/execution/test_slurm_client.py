"""SLURM's commands as functions: what is read from their answers, and what is told where they refuse."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrat.core.errors import ClusterError
from quadrat.execution.slurm import client

INDICES = st.sets(st.integers(0, 120_000), max_size=60)


class Fake:
    """Commands of SLURM that are small scripts, first on the path."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def __call__(self, name: str, script: str) -> Path:
        """A command that notes its arguments, and then does what the script says; the path of the notes."""
        notes = self.folder / f"{name}.notes"
        file = self.folder / name
        file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" -- >>{notes}\n{script}\n')
        file.chmod(0o755)
        return notes


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return Fake(tmp_path / "bin", monkeypatch)


def said_by(error: pytest.ExceptionInfo[ClusterError]) -> str:
    return str(error.value)


# -- what is read


@given(INDICES)
def test_indices_are_read_as_they_are_written(indices: set[int]) -> None:
    text = client.format_elements(indices)
    ranges, throttle = client.parse_elements(text)
    assert [index for one in ranges for index in one] == sorted(indices)
    assert throttle is None


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 300), st.integers(1, 9)), min_size=1), st.integers(1, 99)
)
def test_ranges_with_steps_and_a_throttle(parts: list[tuple[int, int, int]], throttle: int) -> None:
    text = ",".join(f"{first}-{first + size}:{step}" for first, size, step in parts)
    wanted = [index for first, size, step in parts for index in range(first, first + size + 1, step)]
    ranges, found = client.parse_elements(f"[{text}%{throttle}]")
    assert [index for one in ranges for index in one] == wanted
    assert found == throttle


@given(INDICES, st.integers(1, 10**8))
def test_elements_of_an_array_are_named_for_scancel(indices: set[int], array: int) -> None:
    named = client.elements_of(array, indices)
    found: list[int] = []
    for one in named:
        head, _, rest = one.partition("_")
        assert head == str(array)
        found += [index for some in client.parse_elements(rest)[0] for index in some]
    assert found == sorted(indices)


@pytest.mark.parametrize("text", ["1-", "a", "3-5:0", "1,,2", "207,276..."])
def test_what_are_no_indices(text: str) -> None:
    with pytest.raises(ClusterError, match="no indices"):
        client.parse_elements(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:00", 0),
        ("5:23", 323),
        ("1:02:03", 3723),
        ("1-00:00:00", 86400),
        ("2-12", 2.5 * 86400),
        ("1-01:30", 91800),
        ("90", 5400),
        ("UNLIMITED", None),
        ("INVALID", None),
        ("", None),
    ],
)
def test_times(text: str, seconds: float | None) -> None:
    assert client.parse_time(text) == seconds


def line(*fields: str) -> str:
    return "\x1e" + "\x1f".join(fields) + "\n"


def test_the_queue() -> None:
    text = (
        line("12", "12", "4-99%20", "PENDING", "JobArrayTaskLimit", "", "0:00", "main", "(null)", "p:3|a\nb")
        + line("15", "12", "3", "RUNNING", "None", "n1", "1:02:03", "main", "(null)", "p:3|a\nb")
        + line("16", "16", "N/A", "PENDING", "Dependency", "", "0:00", "a,b", "afterany:12_*(unfulfilled)", "(null)")
    )
    pending, running, waiting = client.parse_queue(text)
    assert (pending.array, pending.elements, pending.throttle, pending.count) == (12, (range(4, 100),), 20, 96)
    assert pending.comment == "p:3|a\nb"
    assert (running.job, running.array, running.elements, running.count) == (15, 12, (range(3, 4),), 1)
    assert (running.seconds, running.nodes, running.reason) == (3723, "n1", "")
    assert (waiting.elements, waiting.count, waiting.dependency) == ((), 1, "afterany:12_*(unfulfilled)")
    assert waiting.comment == ""
    assert client.parse_queue("") == []


def test_a_queue_whose_indices_are_cut_is_asked_for_in_full(fake: Fake) -> None:
    cut = line("1", "1", "2,4,6...", "PENDING", "", "", "0:00", "main", "(null)", "(null)")
    full = "".join(
        line("1", "1", f"{at}", "PENDING", "", "", "0:00", "main", "(null)", "(null)") for at in (2, 4, 6, 8)
    )
    (fake.folder / "cut").write_text(cut)
    (fake.folder / "full").write_text(full)
    fake("squeue", f'case "$*" in *--array*) cat {fake.folder}/full;; *) cat {fake.folder}/cut;; esac')
    assert [one.elements for one in client.queue()] == [(range(at, at + 1),) for at in (2, 4, 6, 8)]


# -- what is asked


def test_submitting(fake: Fake, tmp_path: Path) -> None:
    notes = fake("sbatch", 'echo "a word of the site"; echo "41;lab"')
    script = tmp_path / "it's a script.sh"
    assert client.submit(script, dependency="afterany:3:4", hold=True, extra=["--array=0-3"]) == 41
    assert notes.read_text().splitlines() == [
        "--parsable",
        "--dependency=afterany:3:4",
        "--hold",
        "--array=0-3",
        str(script),
        "--",
    ]


def test_a_job_does_not_hand_its_own_size_on(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_MEM_PER_CPU", "SLURMD_NODENAME", "SLURM_CONF", "SBATCH_ACCOUNT"):
        monkeypatch.setenv(name, "7")
    fake("sbatch", f"env >{tmp_path}/env; echo 1")
    client.submit(tmp_path / "s.sh")
    names = {each.partition("=")[0] for each in (tmp_path / "env").read_text().splitlines()}
    assert names & {"SLURM_JOB_ID", "SLURM_MEM_PER_CPU", "SLURMD_NODENAME", "SLURM_BITSTR_LEN"} == set()
    assert {"SLURM_CONF", "SBATCH_ACCOUNT"} <= names


def test_a_user_s_own_form_of_squeue_does_not_matter(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_FORMAT", "%all")
    fake("squeue", f"env >{tmp_path}/env")
    assert client.queue() == []
    said = (tmp_path / "env").read_text()
    assert "SQUEUE_FORMAT" not in said
    assert "SLURM_BITSTR_LEN=0" in said


def test_many_jobs_are_cancelled_in_parts(fake: Fake) -> None:
    notes = fake("scancel", "")
    client.cancel([*range(1500), "7_[1-3]"])
    calls = notes.read_text().split("--\n")
    assert [call.count("\n") - 1 for call in calls if call] == [1000, 501]
    client.cancel([])
    assert notes.read_text().split("--\n") == calls


def test_when_a_job_s_time_is_up(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = fake("squeue", "echo 10:00")
    assert client.end_time() is None  # this process is in no job
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert client.end_time() == pytest.approx(time.time() + 600, abs=30)
    assert notes.read_text().count("--jobs=12") == 1
    monkeypatch.setenv("SLURM_JOB_END_TIME", "1795448220")
    assert client.end_time() == 1795448220
    assert notes.read_text().count("--jobs=12") == 1
    assert client.end_time("13_4") == pytest.approx(time.time() + 600, abs=30)


# -- what is told


def test_no_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not client.installed()
    with pytest.raises(ClusterError) as error:
        client.submit(tmp_path / "s.sh")
    assert "there is no `sbatch` on this machine's path" in said_by(error)
    assert "--pretend" in said_by(error)
    assert error.value.exit_code == 2


def test_slurm_s_own_words_once_with_the_script(fake: Fake, tmp_path: Path) -> None:
    said = "sbatch: error: invalid partition specified: nope"
    fake(
        "sbatch", f'echo "{said}" >&2; echo "{said}" >&2; echo "sbatch: error: Batch job submission failed" >&2; exit 1'
    )
    assert client.installed()
    with pytest.raises(ClusterError) as error:
        client.submit(tmp_path / "s.sh")
    assert said_by(error) == f"{tmp_path}/s.sh: invalid partition specified: nope; Batch job submission failed"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Partition nope not found", "Partition nope not found"),
        ("/usr/bin/sbatch: unrecognized option '--bogus'", "unrecognized option '--bogus'"),
        ("scontrol: fatal: Could not", "Could not"),
        ("", "`scontrol` ended with code 3"),
    ],
)
def test_noise_before_a_message(fake: Fake, said: str, told: str) -> None:
    fake("scontrol", f'echo "{said}"; exit 3')
    with pytest.raises(ClusterError) as error:
        client.requeue(3)
    assert said_by(error) == told


def test_a_controller_that_does_not_answer(fake: Fake) -> None:
    fake("squeue", 'echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2; exit 1')
    with pytest.raises(client.NoAnswer) as error:
        client.queue()
    assert "scontrol ping" in said_by(error)
    fake("squeue", "exec sleep 60")
    with pytest.raises(client.NoAnswer, match="no answer in 0 s"):
        client.run(["squeue"], seconds=0.05)


def test_an_sbatch_that_names_no_job(fake: Fake, tmp_path: Path) -> None:
    fake("sbatch", "echo hello")
    with pytest.raises(ClusterError, match="names no job"):
        client.submit(tmp_path / "s.sh")

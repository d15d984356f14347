"""Devices of a machine: what they are called, who gets which, and that the tasks of a sweep see theirs and no others.

There need be none here: what a worker may see is what its environment says, and that is what the tasks write down.
"""

from __future__ import annotations

import json
import signal
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quadrat as qd
from e2e.harness import Place, wait_until
from quadrat.execution.devices import WHOLE, Devices, Visible, named_devices, part, visible_devices
from quadrat.execution.provenance import devices, processor

# --- who gets which --------------------------------------------------------------------------------------------------

AMOUNTS = st.one_of(st.sampled_from([0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 1, 2, 3, 5]), st.floats(0.001, 1))


@given(st.integers(0, 4), st.lists(st.one_of(AMOUNTS, st.integers(0, 20).map(lambda place: -place - 1)), max_size=60))
def test_no_device_is_given_out_more_than_once(count: int, steps: list[float]) -> None:
    """A step that is no amount gives something back."""
    pool = Devices(count)
    held: list[tuple[tuple[int, ...], float]] = []
    for step in steps:
        if step >= 0:
            room = pool.room(step)
            got = pool.acquire(step)
            assert (got is not None) == (room > 0)
            if got is not None:
                wanted = 0 if not count or not step else min(count, max(1, int(step)))
                assert len(set(got)) == len(got) == wanted
                assert set(got) <= set(range(count))
                held.append((got, step))
        elif held:
            pool.release(*held.pop(int(-step - 1) % len(held)))
        for number in range(count):
            assert sum(part(amount) for got, amount in held if number in got) <= WHOLE
    for one in held:
        pool.release(*one)
    assert pool.room(1) == Devices(count).room(1)
    assert pool.acquire(count) == tuple(range(count))


@given(st.integers(1, 4), AMOUNTS)
def test_what_fits_is_served_when_all_is_free(count: int, amount: float) -> None:
    pool = Devices(count)
    assert pool.acquire(amount) is not None
    fresh = Devices(count)
    times = fresh.room(amount)
    if times < 200:
        assert all(fresh.acquire(amount) is not None for _ in range(times))
        assert fresh.acquire(amount) is None


@pytest.mark.parametrize("many", [2, 3, 6, 7, 10, 49])
def test_so_many_parts_are_a_whole(many: int) -> None:
    pool = Devices(1)
    assert [pool.acquire(1 / many) for _ in range(many)] == [(0,)] * many
    assert pool.acquire(1 / many) is None


def test_shares_are_packed_and_whole_devices_stay_free() -> None:
    pool = Devices(3)
    assert pool.acquire(1) == (0,)
    assert pool.acquire(0.25) == (1,)
    pool.release((0,), 1)
    assert [pool.acquire(0.5), pool.acquire(0.25)] == [(1,), (1,)]
    assert pool.acquire(2) == (0, 2)
    assert pool.acquire(1) is None
    assert pool.acquire(0.1) is None
    assert pool.acquire(0) == ()


def test_who_wants_more_than_there_is_waits_for_all_and_not_for_ever() -> None:
    pool = Devices(2)
    assert pool.acquire(0.5) == (0,)
    assert pool.acquire(8) is None
    pool.release((0,), 0.5)
    assert pool.acquire(8) == (0, 1)


# --- what they are called --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0,1", ["0", "1"]),
        (" 3, 1,", ["3", "1"]),
        ("GPU-8932f937,MIG-1f2e/3/0", ["GPU-8932f937", "MIG-1f2e/3/0"]),
        ("0,2,-1,1", ["0", "2"]),
        ("1,1", ["1"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
    ],
)
def test_names_are_read_as_cuda_reads_them(text: str, names: list[str]) -> None:
    assert list(visible_devices({"CUDA_VISIBLE_DEVICES": text}).names) == names


def test_without_a_word_devices_are_counted(tmp_path: Path) -> None:
    for name in ("nvidia4", "nvidia7", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert visible_devices({}, str(tmp_path)).names == (("0", "1") if sys.platform == "linux" else ())
    (tmp_path / "none").mkdir()
    assert visible_devices({}, str(tmp_path / "none")).environment(()) == {}


@pytest.mark.parametrize(
    ("given", "one", "none"),
    [
        ({"CUDA_VISIBLE_DEVICES": "4,5"}, {"CUDA_VISIBLE_DEVICES": "5"}, {"CUDA_VISIBLE_DEVICES": ""}),
        ({"HIP_VISIBLE_DEVICES": "4,5"}, {"HIP_VISIBLE_DEVICES": "5"}, {"HIP_VISIBLE_DEVICES": "-1"}),
        ({"ROCR_VISIBLE_DEVICES": "4,5"}, {"ROCR_VISIBLE_DEVICES": "5"}, {"ROCR_VISIBLE_DEVICES": "-1"}),
        (
            {"CUDA_VISIBLE_DEVICES": "4,5", "HIP_VISIBLE_DEVICES": "4,5", "ROCR_VISIBLE_DEVICES": "0,1,2,3,4,5"},
            {"CUDA_VISIBLE_DEVICES": "5", "HIP_VISIBLE_DEVICES": "5"},
            {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"},
        ),
    ],
)
def test_a_worker_is_told_by_the_variable_that_told_us(
    given: dict[str, str], one: dict[str, str], none: dict[str, str]
) -> None:
    named = named_devices(given)
    assert named is not None
    assert (named.environment((1,)), named.environment(())) == (one, none)


def test_devices_that_are_hidden_stay_hidden() -> None:
    assert visible_devices({"CUDA_VISIBLE_DEVICES": ""}).environment(()) == {"CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.parametrize("gpus", [1.5, 2.25])
def test_devices_are_whole_or_a_share_of_one(gpus: float) -> None:
    with pytest.raises(qd.BadInput, match="neither whole nor a share of one"):
        qd.Resources(gpus=gpus)


def test_a_record_names_what_its_run_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-8932f937")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert devices(0) == [processor()]
    assert devices(2) == [processor(), "gpu 3", "GPU-8932f937"]
    opened = SimpleNamespace(
        is_initialized=lambda: True, device_count=lambda: 2, get_device_name=lambda number: f"H{number}00"
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=opened))  # type: ignore[arg-type]
    assert devices(2) == [processor(), "H000, gpu 3", "H100, GPU-8932f937"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert devices(2) == [processor(), "H000", "H100"]


def test_more_than_there_are_is_told() -> None:
    visible = Visible(("0",), ("CUDA_VISIBLE_DEVICES",))
    visible.check("train", 1)
    Visible().check("train", 8)
    with pytest.raises(qd.BadInput, match=r"task 'train' asks for 2 gpus, this machine has 1: 0\n.*gpus=1"):
        visible.check("train", 2)


# --- sweeps ----------------------------------------------------------------------------------------------------------

BODY = """
import json


class Work(qd.Params):
    number: int = 0


class Other(qd.Params):
    piece: int = 0


class Worked(qd.Result):
    pid: int


def until(name, count):
    end = time.monotonic() + 60
    while len(list(SIDE.glob(name))) < count and time.monotonic() < end:
        time.sleep(0.01)
    if len(list(SIDE.glob(name))) < count:
        raise TimeoutError(name)


def work(kind, share, params, **met):
    # Take a while, and until so many runs of such kinds have begun; note what was seen, and when.
    began = time.monotonic()
    number = params.piece if isinstance(params, Other) else params.number
    (SIDE / f"{kind}-{number}").touch()
    for other, count in met.items():
        until(f"{other}-*", count)
    while time.monotonic() - began < 0.05:
        time.sleep(0.01)
    seen = os.environ["CUDA_VISIBLE_DEVICES"]
    note(json.dumps([kind, number, seen, share, began, time.monotonic(), os.getpid()]))
    return Worked(pid=os.getpid())


"""


class Noted(NamedTuple):
    """What a run noted."""

    kind: str
    number: int
    seen: str
    share: float
    began: float
    ended: float
    pid: int


class Machine(Place):
    """A place on a machine with some devices; its notes as values."""

    def __init__(self, folder: Path, body: str, devices: str) -> None:
        super().__init__(folder, BODY)
        self.study.write_text(self.study.read_text(encoding="utf-8") + textwrap.dedent(body), encoding="utf-8")
        self.environment["CUDA_VISIBLE_DEVICES"] = devices

    def noted(self, kind: str = "") -> list[Noted]:
        """The notes of the runs of a kind, in the order of their numbers."""
        return sorted(one for line in self.notes() if (one := Noted(*json.loads(line))).kind.startswith(kind))

    def seen(self, kind: str) -> set[str]:
        """What the runs of a kind saw."""
        return {one.seen for one in self.noted(kind)}

    def most(self) -> dict[str, float]:
        """How much of each device was in use at most, at one time."""
        found: dict[str, float] = {}
        for one in self.noted():
            for device in filter(None, one.seen.split(",")):
                others = [two for two in self.noted() if device in two.seen.split(",")]
                now = sum(two.share for two in others if two.began <= one.began < two.ended)
                found[device] = max(found.get(device, 0), now)
        return found


WHOLE_RUNS = """
@study.task(gpus=1)
def whole(params: Work) -> Worked:
    return work("whole", 1, params, whole=2)
"""


def test_runs_with_a_whole_device_have_it_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path, WHOLE_RUNS, "GPU-8932f937,MIG-1f2e/3/0")
    machine.run("number=range(6)", "-j", "4")
    assert machine.most() == {"GPU-8932f937": 1, "MIG-1f2e/3/0": 1}
    assert len({one.pid for one in machine.noted()}) == 2  # its worker stays warm
    assert {name for record in machine.records() for name in record.devices[1:]} == set(machine.most())
    machine.check()


def test_shares_of_a_device_share_it(tmp_path: Path) -> None:
    """Also where they are configured: a record names the devices, whatever the task declares."""
    body = """
    @study.task
    def half(params: Work) -> Worked:
        return work("half", 0.5, params, half=2)
    """
    machine = Machine(tmp_path, body, "7")
    machine.run("number=range(6)", "-j", "4", "resources.half.gpus=0.5")
    assert machine.most() == {"7": 1}
    assert len({one.pid for one in machine.noted()}) == 2
    assert {tuple(record.devices[1:]) for record in machine.records()} == {("gpu 7",)}
    machine.check()


def test_shares_leave_whole_devices_to_others(tmp_path: Path) -> None:
    """Two halves and a whole one are at work at once: only together do the halves leave room for it."""
    body = """
    @study.task(gpus=1)
    def whole(params: Work) -> Worked:
        return work("whole", 1, params, whole=1, half=2)


    @study.task(gpus=0.5)
    def half(params: Other) -> Worked:
        return work("half", 0.5, params, whole=1, half=2)
    """
    machine = Machine(tmp_path, body, "0,1")
    machine.run("piece=0,1", "-j", "3")
    assert (machine.seen("half"), machine.seen("whole")) == ({"0"}, {"1"})
    machine.check()


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_each_task_sees_its_own_devices(tmp_path: Path, jobs: str) -> None:
    """With one worker too: it makes way for one that sees others."""
    body = """
    @study.task
    def prepare(params: Work) -> Worked:
        return work("none", 0, params)


    @study.task(gpus=2)
    def train(prepare: qd.Done[Work, Worked]) -> Worked:
        return work("both", 1, prepare.params)


    @study.task(gpus=1)
    def attack(train: qd.Done[qd.Params, Worked], params: Work) -> Worked:
        return work("one", 1, params)


    @study.task
    def count(attack: qd.Done[Work, Worked]) -> Worked:
        return work("last", 0, attack.params)
    """
    machine = Machine(tmp_path, body, "0,1")
    machine.run("number=range(3)", "-j", jobs)
    assert (machine.seen("none"), machine.seen("last"), machine.seen("both")) == ({""}, {""}, {"0,1"})
    assert machine.seen("one") <= {"0", "1"}
    assert set(machine.most().values()) == {1}
    assert len(machine.noted()) == 12
    machine.check()


def test_a_dead_worker_leaves_its_devices_to_others(tmp_path: Path) -> None:
    body = """
    @study.task(gpus=1, timeout="1s")
    def train(params: Work) -> Worked:
        if params.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        while params.number == 2:
            time.sleep(0.01)
        return work("train", 1, params)
    """
    machine = Machine(tmp_path, body, "0")
    machine.run("number=range(5)", "-j", "2", code=1)
    assert [one.number for one in machine.noted()] == [0, 3, 4]
    assert [failure.kind for failure in machine.failures()] == ["killed", "timeout"]
    machine.check()


def test_more_devices_than_there_are_is_one_error_before_anything_runs(tmp_path: Path) -> None:
    body = """
    @study.task
    def prepare(params: Work) -> Worked:
        return work("none", 0, params)


    @study.task(gpus=2)
    def train(prepare: qd.Done[Work, Worked]) -> Worked:
        return work("both", 1, prepare.params)
    """
    machine = Machine(tmp_path, body, "GPU-8932f937")
    said = machine.run("number=range(3)", code=2).stderr
    assert "task 'train' asks for 2 gpus, this machine has 1: GPU-8932f937" in said
    assert "resources.train.gpus=1" in said
    assert not machine.root.exists()
    machine.run("number=range(3)", "--to", "prepare")  # which asks for none
    machine.run("number=range(3)", "resources.train.gpus=1")
    assert machine.seen("both") == {"GPU-8932f937"}


def test_a_machine_without_devices_runs_everything(tmp_path: Path) -> None:
    """As many at once as there are workers, the same ones as for other tasks."""
    body = """
    @study.task
    def prepare(params: Work) -> Worked:
        return work("none", 0, params, none=2)


    @study.task(gpus=2)
    def train(prepare: qd.Done[Work, Worked]) -> Worked:
        return work("train", 0, prepare.params, train=2)
    """
    machine = Machine(tmp_path, body, "")
    machine.run("number=0,1", "-j", "2")
    assert (machine.seen("none"), machine.seen("train")) == ({""}, {""})
    assert len({one.pid for one in machine.noted()}) == 2


def test_runs_without_devices_go_past_those_that_wait_for_one(tmp_path: Path) -> None:
    body = """
    @study.task
    def prepare(params: Work) -> Worked:
        return work("none", 0, params)


    @study.task(gpus=1)
    def train(params: Other) -> Worked:
        return work("train", 1, params, none=8)
    """
    machine = Machine(tmp_path, body, "0")
    machine.run("number=range(8)", "piece=range(4)", "-j", "2")
    assert len(machine.noted()) == 12
    assert machine.most() == {"0": 1}
    assert len({one.pid for one in machine.noted()}) == 2


def test_short_runs_do_not_keep_the_workers_from_others(tmp_path: Path) -> None:
    """They are queued ahead of the workers: one of those goes for the runs with a device, once, and not for each."""
    body = """
    def at_once(kind, number, seen=""):
        note(json.dumps([kind, number, seen, 1, time.monotonic(), time.monotonic(), os.getpid()]))
        return Worked(pid=0)


    @study.task
    def short(params: Work) -> Worked:
        return at_once("short", params.number)


    @study.task
    def first(params: Other) -> Worked:
        return at_once("first", params.piece)


    @study.task
    def middle(first: Annotated[qd.Many[Other, Worked], qd.over("piece")]) -> Worked:
        return at_once("middle", 0)


    @study.task(gpus=1)
    def use(middle: qd.Done[qd.Params, Worked], params: Other) -> Worked:
        return at_once("use", params.piece, os.environ["CUDA_VISIBLE_DEVICES"])
    """
    machine = Machine(tmp_path, body, "0")
    machine.run("number=range(800)", "piece=range(20)", "-j", "2")
    assert len(machine.noted()) == 841
    assert min(one.began for one in machine.noted("use")) < max(one.began for one in machine.noted("short"))
    assert len({one.pid for one in machine.noted("use")}) == 1
    assert len({one.pid for one in machine.noted()}) <= 4
    machine.check()


def test_a_worker_that_is_not_needed_any_more_makes_way(tmp_path: Path) -> None:
    """Runs of one kind are at work, and one more could be."""
    body = """
    @study.task
    def prepare(params: Work) -> Worked:
        return work("none", 0, params, none=2)


    @study.task(gpus=1)
    def train(params: Other) -> Worked:
        return work("train", 1, params)
    """
    machine = Machine(tmp_path, body, "0")
    machine.run("number=0,1", "piece=0", "-j", "2")
    assert len({one.pid for one in machine.noted()}) == 3


def test_an_idle_worker_does_not_keep_a_device_that_others_use(tmp_path: Path) -> None:
    """What it has allocated there would be missing: it ends first. A run that fits beside it leaves it alone."""
    body = """
    def alive(run):
        return int(os.path.exists(f"/proc/{run.result.pid}"))


    @study.task(gpus=0.25)
    def quarter(params: Work) -> Worked:
        return work("quarter", 0.25, params)


    @study.task(gpus=0.5)
    def half(quarter: qd.Done[Work, Worked]) -> Worked:
        work(f"half-{alive(quarter)}", 0.5, quarter.params)
        return Worked(pid=os.getpid())


    @study.task(gpus=1)
    def whole(half: qd.Done[qd.Params, Worked]) -> Worked:
        return work(f"whole-{alive(half)}", 1, Work())
    """
    machine = Machine(tmp_path, body, "0")
    machine.run("-j", "4")
    assert sorted(one.kind for one in machine.noted()) == ["half-1", "quarter", "whole-0"]


def test_an_interrupt_ends_workers_of_every_kind(tmp_path: Path) -> None:
    body = """
    @study.task(gpus=1)
    def train(params: Work) -> Worked:
        return work("train", 1, params, go=1)
    """
    machine = Machine(tmp_path, body, "0,1")
    process = machine.start("number=range(5)", "-j", "3")
    wait_until(lambda: len(list(machine.side.glob("train-*"))) == 2)
    process.send_signal(signal.SIGINT)
    (machine.side / "go-1").touch()
    assert process.wait(60) == 130
    if process.stdout is not None:
        process.stdout.close()
    machine.check()

"""This machine, and the file system of the store as it is seen from here."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quadrat.core.errors import StoreError
from quadrat.examining.check import About, Check
from quadrat.execution.slurm import probe
from quadrat.execution.slurm.site import show_memory
from quadrat.store.commit import disk_error
from quadrat.store.layout import Layout

MACHINE, STORE = About("this machine"), About("the store")

LEAST_FREE, LEAST_FILES = 10**9, 10_000
COARSE_SECONDS = 2.0
"""How coarse the index expects times of files to be at most."""
_CLOCK_SECONDS = 1.0


@contextmanager
def workplace(layout: Layout) -> Iterator[Path]:
    """An empty folder in the store, which may not be there yet; nothing of it is left afterwards.

    Raises:
        StoreError: where the store cannot be written.
    """
    made = [folder for folder in (layout.home, *layout.home.parents) if not folder.exists()]
    try:
        layout.home.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=layout.home))
    except OSError as error:
        raise disk_error(error, layout) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for one in made:
            with contextlib.suppress(OSError):  # a run may have begun there meanwhile
                one.rmdir()


def machine(facts: dict[str, Any]) -> Iterator[Check]:
    """What this machine is."""
    own = facts["quadrat"]
    yield MACHINE.ok(f"Python {facts['version']}, {facts['python']}")
    yield MACHINE.ok(f"quadrat {own['version']}, {own['path']}")
    yield MACHINE.ok(f"{facts['host']}: {show_cpus(facts)}, {show_memory(facts['memory'])} of memory")
    yield MACHINE.ok(show_devices(facts))


def show_cpus(facts: dict[str, Any]) -> str:
    """How many cores there are, and how many of them may be used."""
    usable, total = facts["cpus"], facts["all_cpus"]
    return f"{total} cpus" if usable == total else f"{usable} of {total} cpus may be used"


def show_devices(facts: dict[str, Any]) -> str:
    """Which accelerators there are."""
    names = facts["devices"]
    if not names:
        return "no GPU"
    kinds = sorted(set(facts.get("device_kinds", [])))
    return f"GPUs: {', '.join(names)}" + (f" ({', '.join(kinds)})" if kinds else "")


def store(layout: Layout, folder: Path) -> Iterator[Check]:
    """Whether the store's file system does what a store needs of it.

    Args:
        layout: of the store.
        folder: an empty folder in it.
    """
    kind = file_system(folder)
    where = f"{layout.root}" + ("" if layout.format_file.exists() else ", not there yet")
    yield STORE.ok(f"{where} ({kind})" if kind else where)
    for look in (_links, _renames, _times, _clock, _room):
        try:
            yield look(folder)
        except OSError as error:
            yield STORE.fail(f"{_DOES[look]} cannot be tried: {error}", "choose another place with --store")


def _links(folder: Path) -> Check:
    first, second = folder / "first", folder / "second"
    first.write_text("x")
    try:
        os.link(first, second)
        linked = second.stat().st_ino == first.stat().st_ino and first.stat().st_nlink == 2
    except OSError as error:
        return STORE.fail(
            f"no hard links here: {error.strerror}",
            "processes that work on one store at once need them: choose another file system with --store",
        )
    if not linked:
        return STORE.fail("hard links are copies here", "choose another file system with --store")
    return STORE.ok("hard links")


def _renames(folder: Path) -> Check:
    for name in ("target", "staged"):
        (folder / name).mkdir()
        (folder / name / "run.json").write_text(name)
    try:
        (folder / "staged").rename(folder / "target")
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return STORE.ok("atomic renames: one that came first stays")
    return STORE.fail(
        "a renamed folder takes the place of one that is there",
        "two processes would overwrite each other's runs: choose another file system with --store",
    )


def _times(folder: Path) -> Check:
    """How fine the times of files are, and that a folder's moves with what is made in it."""
    inside = folder / "times"
    inside.mkdir()
    began = time.monotonic()
    first = last = inside.stat().st_mtime_ns
    number = 0
    while last == first and time.monotonic() - began < 2 * COARSE_SECONDS:
        time.sleep(0.001 if number < 100 else 0.02)
        number += 1
        (inside / f"{number}").touch()
        last = inside.stat().st_mtime_ns
    step = (last - first) / 1e9
    if step <= 0:
        return STORE.fail(
            "the time of a folder does not move with what is made in it",
            "new runs would not be noticed: choose another file system with --store",
        )
    if step > COARSE_SECONDS:
        return STORE.warn(f"times of files are {step:.0f} s coarse", "`quadrat status` may lag behind by as much")
    return STORE.ok(f"times of files are in order, {max(step, 1e-3) * 1000:.0f} ms fine or finer")


def _clock(folder: Path) -> Check:
    ahead = probe.clock_ahead(folder)
    if abs(ahead) <= _CLOCK_SECONDS:
        return STORE.ok("its clock agrees with this machine's")
    return STORE.warn(
        f"this machine's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the file server's",
        "times in records and logs are off by as much; whoever looks after the machine should set it (NTP)",
    )


def _room(folder: Path) -> Check:
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    files = f"{found.f_favail:,} more files" if found.f_files else "as many files as fit"  # btrfs does not count them
    text = f"room for {show_memory(free)} and {files}; quotas are not seen"
    if free < LEAST_FREE or (found.f_files and found.f_favail < LEAST_FILES):
        return STORE.warn(text, "make room (`quadrat gc` shows what may go), or choose another place with --store")
    return STORE.ok(text)


_DOES: dict[Callable[[Path], Check], str] = {
    _links: "hard links",
    _renames: "renames",
    _times: "times of files",
    _clock: "the clock",
    _room: "free room",
}


def file_system(path: Path) -> str:
    """The kind of file system that a path is on, a server's with its name: "nfs4 server:/home"; empty if unknown."""
    try:
        device = path.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        parts, _, rest = line.partition(" - ")
        if parts.split()[2:3] == [wanted]:
            kind, source, *_ = rest.split()
            return f"{kind} {source}" if ":" in source else kind
    return ""


def unwritable(layout: Layout, error: StoreError) -> Check:
    """The check for a store that cannot be written."""
    return STORE.fail(f"{layout.root}: {error.message}", error.hint or "give another with --store")

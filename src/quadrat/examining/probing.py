"""Send one small job, and wait, not for ever, for what it tells."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from quadrat.core.errors import ClusterError
from quadrat.examining.check import About, Check
from quadrat.execution.slurm import client, script
from quadrat.execution.slurm.probe import REPORT, TOKEN, clock_ahead
from quadrat.execution.slurm.site import Site
from quadrat.settings import SlurmSettings

NODE = About("a node")

JOB_SECONDS = 300.0
MEMORY = 500 * 2**20
LINGER_SECONDS = 10.0
"""How long a report may take to be seen here after its job has ended: file servers and their clients keep lists."""
_TEMPLATE = "probe.sh.j2"


class Probe:
    """A job on a node that tells what it finds there. Used as a context: afterwards nothing of it is left in the queue.

    Args:
        folder: a new folder in the store, for its files.
        site: the site.
        slurm: what the site wants to be told.
        gpus: how many to ask for.

    Raises:
        BadInput: where no node can have what the job asks for, or the site's template does not do.
        ClusterError: where SLURM refuses the job.
    """

    def __init__(self, folder: Path, site: Site, slurm: SlurmSettings, gpus: int) -> None:
        self.folder = folder
        self.gpus = gpus
        self.token = secrets.token_hex(16)
        self.job: int | None = None
        self.waited = 0.0
        self.trouble: Check
        limits = [one.max_time for one in site.choose(slurm.partition or None) if one.max_time is not None]
        self.seconds = min([JOB_SECONDS, *limits])
        site.check(gpus=gpus, memory=MEMORY, walltime=self.seconds, partition=slurm.partition or None)
        folder.mkdir()
        self.ahead = clock_ahead(folder)
        (folder / TOKEN).write_text(self.token)
        self._script = folder / "probe.sh"
        self._script.write_text(self._render(slurm))

    def _render(self, slurm: SlurmSettings) -> str:
        """The script: a submission's, with another command, so that it finds the same environment."""
        site_s_own = Path(slurm.template) if slurm.template else None
        base = site_s_own.name if site_s_own else script.TEMPLATE
        values = {**slurm.model_dump(), "base": base, "requeue": False}
        job = script.Job(
            title="quadrat doctor: what a node sees",
            summary=(),
            name="quadrat-doctor",
            comment="quadrat-doctor",
            number=0,
            array="0",
            log="/dev/null",  # a log in a folder that the node lacks would keep the job from beginning
            cpus=1,
            gpus=self.gpus,
            memory_mb=MEMORY // 2**20,
            time=script.clock(self.seconds),
            warn_seconds=1,
            folder="/",
            submission=str(self.folder),
            elements=str(self.folder),
            python=script.interpreter(values),
        )
        if site_s_own is not None:
            script.render(job, values, site_s_own)  # what is wrong with it is told by its own name
            for file in {site_s_own, *site_s_own.parent.glob("*.j2")}:
                shutil.copy(file, self.folder / file.name)
        own = Path(shutil.copy(Path(script.__file__).parent / "templates" / _TEMPLATE, self.folder / _TEMPLATE))
        return script.render(job, values, own).lstrip()  # what stands before {% extends %} comes first, blank lines too

    def __enter__(self) -> Probe:
        self.job = client.submit(self._script)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the job out of the queue, and wait until it is: it may be about to write into its folder."""
        with contextlib.suppress(ClusterError):
            end = time.monotonic() + LINGER_SECONDS
            client.cancel([self.job] if self.job is not None and self._queued() is not None else [])
            while self._queued() is not None and time.monotonic() < end:
                time.sleep(0.05)

    def wait(self, seconds: float, progress: Callable[[str], None]) -> dict[str, Any] | None:
        """What the node tells; None where it tells nothing in time, and `trouble` says why.

        Args:
            seconds: how long to wait.
            progress: told from time to time how it stands.
        """
        began = time.monotonic()
        asked, pause = 0.0, 0.5
        queued: client.Queued | None = None
        gone: float | None = None
        ended: dict[str, str] | None = None
        while not (self.folder / REPORT).exists():
            now = time.monotonic()
            self.waited = now - began
            if gone is not None and (ended is None or ended["ExitCode"] != "0:0" or now - gone > LINGER_SECONDS):
                self.trouble = self._told_nothing(ended or {})
                return None
            if gone is None and self.waited > seconds:
                self.trouble = _late(queued, seconds, self.job)
                return None
            if gone is None and now - asked > pause:
                asked, pause = now, min(5.0, pause * 1.3)
                clock_ahead(self.folder)  # makes and removes a file, so that this machine lists the folder anew
                with contextlib.suppress(client.NoAnswer):
                    queued = self._queued()
                    if queued is None:
                        gone, ended = now, self._ended()
                    progress(_standing(queued, self.waited, self.job))
            time.sleep(0.02)
        self.waited = time.monotonic() - began
        found: dict[str, Any] = json.loads((self.folder / REPORT).read_bytes())
        return found

    def _queued(self) -> client.Queued | None:
        return next((one for one in client.queue() if one.array == self.job), None)

    def _ended(self) -> dict[str, str] | None:
        """What SLURM still knows of the job after it has ended; None where it knows nothing."""
        try:
            shown = client.run(["scontrol", "show", "job", f"{self.job}"])
        except client.NoAnswer:
            raise
        except ClusterError:
            return None
        return {"ExitCode": "0:0"} | dict(part.partition("=")[::2] for part in shown.split())

    def _told_nothing(self, said: dict[str, str]) -> Check:
        """Why a job that has ended told nothing."""
        node = said.get("BatchHost") or said.get("NodeList") or "?"
        code = int(said.get("ExitCode", "0").partition(":")[0])
        heard = ""
        with contextlib.suppress(OSError):
            lines = (self.folder / "said").read_text(errors="replace").strip().splitlines()
            heard = f": {lines[-1].strip()}" if lines else ""
        if code == 81:
            return NODE.fail(
                f"node {node} does not see {self.folder.parents[2]}",
                "put the store on a file system that the nodes share, with --store",
            )
        if code == 82:
            return NODE.fail(
                f"node {node} sees {self.folder.parents[2]} but may not write there",
                "put the store on a file system that the nodes may write, with --store",
            )
        if code == 127 and "there is no" in heard:
            return NODE.fail(
                f"node {node} has no such Python{heard}",
                "install it where the nodes see it, or name another with slurm.venv=, slurm.conda= or slurm.python=",
            )
        if code == 84 and re.search(r"No module named '?quadrat", heard):
            return NODE.fail(f"quadrat is not installed in the node's Python{heard}", _SAME)
        state = said.get("JobState", "gone")
        return NODE.fail(
            f"job {self.job} on node {node} told nothing: it is {state}, exit code {code}{heard}",
            "what the script does before Python begins (modules, environments, slurm.setup) may fail there",
        )


_SAME = "nodes and this machine need one installation: slurm.venv= or slurm.conda= names it"


def _standing(queued: client.Queued | None, waited: float, job: int | None) -> str:
    state = "has ended" if queued is None else f"is {queued.state}"
    why = f" ({queued.reason})" if queued is not None and queued.reason else ""
    return f"probe job {job} {state}{why}, {waited:.0f} s"


def _late(queued: client.Queued | None, seconds: float, job: int | None) -> Check:
    state = "does not answer" if queued is None else f"is still {queued.state}"
    why = f" ({queued.reason})" if queued is not None and queued.reason else ""
    return NODE.fail(
        f"probe job {job} {state} after {seconds:.0f} s{why}",
        "it was taken back: wait longer with --wait SECONDS, or choose another with --partition",
    )

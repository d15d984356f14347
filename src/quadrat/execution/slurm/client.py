"""SLURM's commands, one thin function each: arguments as lists, bounded time-outs, SLURM's own words where it refuses.

What pends is read from squeue's short form, in which the pending elements of an array share a line ("0-99999%20"). The
long form (`squeue -r`) has a line for each: of 100,000 pending elements 5 MB, got in 0.2 s and parsed in 1.1 s, where
the short form has 8 kB and takes 0.015 s for both.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from quadrat.core.errors import ClusterError

ASK_SECONDS = 60.0
"""How long a command may take. SLURM's clients give up by themselves after 10 to 40 s."""
AT_ONCE = 1000
"""How many jobs one command names: the length of a command line is bounded."""

_START, _NEXT = "\x1e", "\x1f"  # a comment or a name may hold any printable character, and newlines
_FIELDS = ("%A", "%F", "%K", "%T", "%r", "%N", "%M", "%P", "%E", "%k")
_OF_A_JOB = re.compile(r"SLURMD?_")
_OF_THE_SITE = {"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_HINT"}
_OF_A_QUERY = re.compile(r"SQUEUE_|SINFO_|SCONTROL_")
_NOISE = re.compile(r"^(?:[\w./-]+: )?(?:(?:error|fatal): )?")
_SILENT = re.compile(r"Unable to contact slurm controller|Socket timed out|Zero Bytes were transmitted", re.IGNORECASE)


class NoAnswer(ClusterError):
    """SLURM's controller does not answer: whoever polls may ask again; what was submitted may have got through."""


class NoSlurm(ClusterError):
    """There is no SLURM here: its commands are missing, or the configuration that says where its controller is."""


@dataclass(frozen=True)
class Queued:
    """A job of the queue, or elements of an array that pend together.

    Attributes:
        job: the job's id; each running element of an array has its own.
        array: the id that sbatch returned: of the whole array, else of the job.
        elements: the indices in the array, as ranges; empty for a job that is no array.
        throttle: how many elements may run at once ("%20"), or None.
        state: "PENDING", "RUNNING", "COMPLETING", …; with `finished` also "FAILED", "TIMEOUT", …
        reason: why it does not run; of elements that pend together "JobHeldUser,None": some the one, some the other.
        nodes: where it runs, "n[1-2]"; empty while it pends.
        seconds: how long it has run.
        partition: its partition, or several with commas.
        dependency: what it waits for, empty for nothing.
        comment: what `sbatch --comment` said.
    """

    job: int
    array: int
    elements: tuple[range, ...]
    throttle: int | None
    state: str
    reason: str
    nodes: str
    seconds: float
    partition: str
    dependency: str
    comment: str

    @property
    def count(self) -> int:
        """How many jobs or elements this is."""
        return sum(map(len, self.elements)) or 1


def installed() -> bool:
    """Whether SLURM's commands are on this machine's path."""
    return shutil.which("sbatch") is not None


def run(command: Sequence[str], *, seconds: float = ASK_SECONDS, submits: bool = False) -> str:
    """What one of SLURM's commands prints.

    Args:
        command: its name and arguments.
        seconds: how long it may take.
        submits: it starts something: what this process is told as a job itself is kept from it, so that a job that
            submits does not hand on its own size.

    Raises:
        NoSlurm: where it is not there, or has no configuration.
        ClusterError: where it refuses.
        NoAnswer: where the controller does not answer.
    """
    name = command[0]
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            env=_environment(submits=submits),
            check=False,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        raise NoSlurm(
            f"there is no `{name}` on this machine's path",
            hint="run it where SLURM is (a login node); `--pretend` writes the scripts without it",
        ) from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"`{name}` gave no answer in {seconds:.0f} s", hint=_ASK_AGAIN) from None
    if done.returncode != 0:
        said = _message(done.stderr) or _message(done.stdout) or f"`{name}` ended with code {done.returncode}"
        if _SILENT.search(said):
            raise NoAnswer(said, hint=_ASK_AGAIN)
        if "establish a configuration source" in said:  # the last of four lines that say the same
            raise NoSlurm(said.rpartition("; ")[2], hint="SLURM's configuration is not here: is this a login node?")
        raise ClusterError(said)
    return done.stdout


_ASK_AGAIN = "SLURM's controller is down or very busy: `scontrol ping` tells; try again later"


def _environment(*, submits: bool) -> dict[str, str]:
    """This process's environment without what changes a command's meaning."""
    if submits:
        return {key: value for key, value in os.environ.items() if key in _OF_THE_SITE or not _OF_A_JOB.match(key)}
    kept = {key: value for key, value in os.environ.items() if not _OF_A_QUERY.match(key)}
    # Without this squeue cuts the indices of an array after 64 characters.
    return {**kept, "SLURM_BITSTR_LEN": "0", "SLURM_TIME_FORMAT": "standard"}


def _message(text: str) -> str:
    """What a command complains of: each line once, without "sbatch: error:" before it."""
    lines = [_NOISE.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines))


def submit(script: Path, *, dependency: str = "", hold: bool = False, extra: Sequence[str] = ()) -> int:
    """Submit a script; the id of the job, or of the array.

    Args:
        script: the file. What it asks for stands in it.
        dependency: as sbatch wants it, "afterany:12:13".
        hold: do not start it before `release`.
        extra: further options of sbatch.

    Raises:
        ClusterError: where SLURM refuses, with the script's path.
    """
    options = ["--parsable", *([f"--dependency={dependency}"] if dependency else []), *(["--hold"] if hold else [])]
    try:
        said = run(["sbatch", *options, *extra, str(script)], submits=True)
    except ClusterError as error:
        error.where = str(script)
        raise
    # "12" or "12;cluster"; a site's own plugin may print lines before it.
    found = re.findall(r"^(\d+)(?:;.*)?$", said, re.MULTILINE)
    if not found:
        raise ClusterError(f"sbatch names no job: it says {said.strip()[:200]!r}", where=str(script))
    return int(found[-1])


def queue(*, finished: bool = False) -> list[Queued]:
    """My jobs in the queue, in one call.

    Args:
        finished: also those that ended in the last minutes, as long as SLURM remembers them (see
            `Site.remembers_seconds`).
    """
    command = ["squeue", "--me", "--all", "--noheader", f"--format={_START}{_NEXT.join(_FIELDS)}"]
    if finished:
        command.append("--states=all")
    said = run(command)
    if "..." in said and any("..." in one.split(_NEXT)[2] for one in said.split(_START)[1:]):
        said = run([*command, "--array"])  # a squeue that cuts the indices all the same
    return parse_queue(said)


def parse_queue(text: str) -> list[Queued]:
    """The jobs in squeue's answer to `queue`."""
    found = []
    for line in text.split(_START)[1:]:
        job, array, indices, state, reason, nodes, elapsed, partition, dependency, comment = line.split(_NEXT, 9)
        elements, throttle = parse_elements(indices)
        found.append(
            Queued(
                job=int(job),
                array=int(array),
                elements=elements,
                throttle=throttle,
                state=state,
                reason=_given(reason),
                nodes=nodes,
                seconds=parse_time(elapsed) or 0.0,
                partition=partition,
                dependency=_given(dependency),
                comment=_given(comment.removesuffix("\n")),
            )
        )
    return found


def _given(text: str) -> str:
    return "" if text in ("(null)", "None", "N/A") else text


def parse_elements(text: str) -> tuple[tuple[range, ...], int | None]:
    """The indices of an array, "1-3,7,10-20:2%5", as ranges, and how many of them may run at once.

    Raises:
        ClusterError: for a text that is not of this form.
    """
    if text in ("", "N/A"):
        return (), None
    listed, _, throttle = text.strip().strip("[]").partition("%")
    found = []
    for part in listed.split(","):
        matched = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part.strip())
        if not matched or int(matched[3] or 1) == 0:
            raise ClusterError(f"'{text}' are no indices of an array")
        first = int(matched[1])
        found.append(range(first, int(matched[2] or first) + 1, int(matched[3] or 1)))
    return tuple(found), int(throttle.strip("]")) if throttle else None


def format_elements(indices: Iterable[int]) -> str:
    """Indices as SLURM writes and reads them, "1-3,7": what `parse_elements` takes apart."""
    parts: list[list[int]] = []
    for index in sorted(set(indices)):
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in parts)


def elements_of(array: int, indices: Iterable[int]) -> list[str]:
    """Elements of an array as `cancel` and the others take them: "12_[1-3,7]", several where that would get long."""
    parts = format_elements(indices).split(",")
    return [f"{array}_[{','.join(parts[at : at + AT_ONCE])}]" for at in range(0, len(parts), AT_ONCE) if parts[at]]


def parse_time(text: str) -> float | None:
    """Seconds from SLURM's "5:00", "2:05:00", "3-12", "1-00:00:00"; None for no limit or no time."""
    matched = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text.strip())
    if not matched:
        return None
    days, *rest = matched.groups()
    numbers = [int(part) for part in rest if part is not None]
    if days is not None:  # after a number of days come hours first
        hours, minutes, seconds = (*numbers, 0, 0)[:3]
    else:  # else minutes, or minutes and seconds, or all three
        hours, minutes, seconds = {1: (0, *numbers, 0), 2: (0, *numbers), 3: tuple(numbers)}[len(numbers)]
    return float(((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds)


def end_time(job: int | str | None = None) -> float | None:
    """When a job's time is up, in seconds since 1970; None where it has no limit or does not run.

    Args:
        job: the job or element; else the one that this process is in, of which newer versions of SLURM (23.02) tell in
            its environment: for older ones squeue is asked.

    Raises:
        ClusterError: where squeue must be asked and cannot be.
    """
    mine = os.environ.get("SLURM_JOB_ID")
    if job is None and mine is None:
        return None
    known = os.environ.get("SLURM_JOB_END_TIME", "")
    if (job is None or str(job) == mine) and known.isdecimal():
        return float(known)
    left = parse_time(run(["squeue", "--noheader", "--all", "--format=%L", f"--jobs={job or mine}"], seconds=30))
    return None if left is None else time.time() + left


def cancel(jobs: Sequence[int | str], *, pending: bool = False) -> None:
    """Cancel jobs, arrays, or elements of them ("12_3", "12_[1-3,7]"); one that has ended is left alone.

    Args:
        jobs: which.
        pending: only what of them has not begun.
    """
    for some in _some(jobs):
        run(["scancel", "--quiet", *(["--state=PENDING"] if pending else []), *some])


def signal(name: str, jobs: Sequence[int | str]) -> None:
    """Send a signal to the batch shells of jobs, and what they have become by `exec`; to nothing else of them."""
    for some in _some(jobs):
        run(["scancel", "--quiet", "--batch", f"--signal={name}", *some])


def requeue(job: int | str) -> None:
    """Send a job or an element that runs back into the queue; from inside it ends soon after."""
    run(["scontrol", "requeue", str(job)])


def hold(jobs: Sequence[int | str]) -> None:
    """Keep pending jobs or elements from starting."""
    for some in _some(jobs):
        run(["scontrol", "hold", *some])


def release(jobs: Sequence[int | str]) -> None:
    """Let held jobs or elements start."""
    for some in _some(jobs):
        run(["scontrol", "release", *some])


def _some(jobs: Sequence[int | str]) -> list[list[str]]:
    names = [str(job) for job in jobs]
    return [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]

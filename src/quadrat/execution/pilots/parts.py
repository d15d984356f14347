"""Parsl's parts for a profile: checked against what Parsl takes, then made. Parsl is imported here, when needed."""

from __future__ import annotations

import importlib
import inspect
import os
import shlex
import socket
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from quadrat.core.errors import BadInput, unknown
from quadrat.core.params import Invalid, validate
from quadrat.core.resources import Resources
from quadrat.execution.pilots.profile import BEGAN_VARIABLE, Part, Profile

LOOPBACK = "127.0.0.1"
LABEL = "quadrat"
INTERCHANGE = "quadrat.execution.pilots.interchange"
# After how long an interchange that does not answer counts as dead.
ANSWER_SECONDS = 20.0
# A manager that was silent for so many heartbeats counts as gone.
SILENT_BEATS = 6
# How long a pilot that has started may look for this process.
PROBE_SECONDS = 30
_PASSED_ON = ("QUADRAT_", "PYTHONPATH")
# Keywords of Parsl's that are said elsewhere in a profile, or that Quadrat decides.
_NOT_HERE = {
    "launcher": "`launcher:` stands beside `provider:`, not in it",
    "parallelism": "Quadrat asks for as many pilots as there is work for, up to max_blocks",
}


def check(profile: Profile) -> None:
    """Make sure that Parsl is there and takes what a profile says.

    Raises:
        BadInput: for a class or a keyword that Parsl does not have, or a value that is none, with file and line.
    """
    parsl("")
    _checked(profile, "provider", profile.provider)
    if profile.launcher is not None:
        _checked(profile, "launcher", profile.launcher)
    if profile.workers is None and not profile.is_local:
        hint = "say how many runs one node takes at a time: `workers: 8`"
        raise BadInput("'workers' is missing", where=profile.file, hint=hint)
    _addresses(profile)


def check_tasks(profile: Profile, workers: int, gpus: int, tasks: Mapping[str, Resources]) -> None:
    """Make sure that the runs of every task fit a worker.

    Args:
        profile: what the workers are.
        workers: on each node.
        gpus: devices of each node.
        tasks: what a run of each task asks for.

    Raises:
        BadInput: for one that asks for more.
    """
    for name, asked in tasks.items():
        if (
            asked.cpus > profile.cpus and not profile.is_local
        ):  # of one machine the scheduler gives out the cores itself
            raise BadInput(
                f"task '{name}' asks for {asked.cpus} cpus, a worker has {profile.cpus}",
                where=profile.where("cpus"),
                hint=f"write `cpus: {asked.cpus}` into the profile, and as many fewer workers on a node",
            )
        if gpus and asked.gpus > gpus / workers:
            raise BadInput(
                f"task '{name}' asks for {asked.gpus:g} gpus, a worker has {gpus / workers:g}",
                where=profile.where("gpus"),
                hint=f"{workers} workers share the {gpus} gpus of a node: have fewer of them, by `workers:` or -j",
            )


def parsl(module: str) -> Any:
    """A module of Parsl's.

    Raises:
        BadInput: where Parsl is not installed.
    """
    try:
        return importlib.import_module(f"parsl.{module}" if module else "parsl")
    except ImportError as error:
        raise BadInput(
            f"pilots need Parsl, which does not import: {error}", hint="pip install 'quadrat[parsl]'"
        ) from None


def make_provider(profile: Profile, scripts: Path) -> Any:
    """The provider of a profile, with what workers need of this process's environment.

    Raises:
        BadInput: for what it does not take.
    """
    given = dict(_checked(profile, "provider", profile.provider))
    made = getattr(parsl("providers"), profile.provider.name)
    known = inspect.signature(made).parameters
    if "worker_init" in known:
        given["worker_init"] = "\n".join([*_exports(profile), str(given.get("worker_init", "")), ""])
    if profile.launcher is not None and "launcher" in known:
        options = _checked(profile, "launcher", profile.launcher)
        given["launcher"] = getattr(parsl("launchers"), profile.launcher.name)(**options)
    try:
        provider = made(**given)
    except Exception as error:  # noqa: BLE001  (whatever keeps it from starting: no kubernetes module, say)
        raise BadInput(f"{profile.provider.name} does not start: {error}", where=profile.where("provider")) from None
    provider.script_dir = str(scripts)
    return provider


def make_executor(profile: Profile, provider: Any, folder: Path, workers: int) -> Any:
    """Parsl's executor, not started: it passes tasks to pilots and brings their results back.

    Args:
        profile: what to make.
        provider: what starts pilots.
        folder: for keys and logs.
        workers: on each node.
    """
    executors = parsl("executors.high_throughput.executor")
    addresses = _addresses(profile)
    _, _, arguments = executors.DEFAULT_LAUNCH_CMD.partition(" ")
    run = [sys.executable, "-P", "-m"]
    ports = {} if profile.ports is None else {"worker_port_range": profile.ports}
    made = _executor_class(executors)(
        label=LABEL,
        provider=provider,
        # By the interpreter's name: a shell that has not activated its environment has no Parsl on its path. Without
        # the current folder, where a user's own `queue.py` may lie.
        launch_cmd=f'"$QUADRAT_PYTHON" -P -m parsl.executors.high_throughput.process_worker_pool {arguments}',
        interchange_launch_cmd=[*run, INTERCHANGE, str(os.getpid()), str(folder / "interchange.out")],
        address=addresses[0],
        loopback_address=LOOPBACK,
        encrypted=True,  # loopback is not private on a login node
        cores_per_worker=1e-6,  # how many workers there are is the profile's to say
        max_workers_per_node=workers,
        heartbeat_period=profile.heartbeat,
        heartbeat_threshold=SILENT_BEATS * profile.heartbeat,
        address_probe_timeout=PROBE_SECONDS,
        drain_period=profile.drain,
        block_error_handler=False,  # `Pilots` judges by itself
        **ports,
    )
    if len(addresses) > 1:
        made.all_addresses = set(addresses)
        made.address = None  # listen on all of them
    made.run_dir = str(folder)
    made.run_id = LABEL
    return made


def _executor_class(executors: Any) -> Any:
    """Parsl's executor, with an end to every question: an interchange that has died answers none (its issue 3374)."""

    class Executor(executors.HighThroughputExecutor):  # type: ignore[misc]
        status_polling_interval = 0  # the pilots' thread says when

        def connected_managers(self) -> Any:
            return self.command_client.run("MANAGERS", timeout_s=ANSWER_SECONDS)

        def connected_blocks(self) -> Any:
            return self.command_client.run("CONNECTED_BLOCKS", timeout_s=ANSWER_SECONDS)

    return Executor


def psutil() -> Any:
    """The module that Parsl brings along to look at processes."""
    return importlib.import_module("psutil")


def _exports(profile: Profile) -> list[str]:
    """Lines of shell that give workers what they need of the environment: not every site passes it on."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    passed["QUADRAT_PYTHON"] = profile.python or sys.executable
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(passed.items())]
    return [*lines, f"export {BEGAN_VARIABLE}=$(date +%s)"]


def walltime(profile: Profile) -> float | None:
    """The seconds that a pilot has, where the profile says so as Parsl reads it: "HH:MM:SS"."""
    given = profile.provider.options.get("walltime")
    try:
        hours, minutes, seconds = map(int, str(given).split(":"))
    except ValueError:
        return None
    return 3600.0 * hours + 60 * minutes + seconds


def _addresses(profile: Profile) -> list[str]:
    """The addresses under which workers find this process. Nobody outside is asked for them, as Parsl would."""
    given = profile.address
    interfaces = {
        name: [one.address for one in addresses if one.family == socket.AF_INET]
        for name, addresses in psutil().net_if_addrs().items()
    }
    if given is None:
        if profile.is_local:
            return [LOOPBACK]
        found = {one for addresses in interfaces.values() for one in addresses if not one.startswith("127.")}
        return sorted(found) or [LOOPBACK]
    if interfaces.get(given):
        return interfaces[given][:1]
    try:
        return [socket.gethostbyname(given)]
    except OSError:
        raise BadInput(
            f"'{given}' is no address, no host that is known here, and no network interface with one",
            where=profile.where("address"),
            hint=f"the interfaces of this machine: {', '.join(interfaces)}",
        ) from None


def _checked(profile: Profile, kind: str, part: Part) -> dict[str, Any]:
    """The keywords of a part, each as the type that Parsl wants.

    Raises:
        BadInput: where it does not take them.
    """
    module = parsl(f"{kind}s")
    if part.name not in module.__all__:
        raise unknown(f"{kind} of Parsl", part.name, sorted(set(module.__all__)), where=profile.where(kind, "class"))
    made = getattr(module, part.name)
    hints = typing.get_type_hints(made.__init__)
    fields: dict[str, Any] = {}
    for name, one in list(inspect.signature(made).parameters.items()):
        required = one.default is inspect.Parameter.empty
        if name not in _NOT_HERE:
            hint = hints.get(name, Any if required or one.default is None else type(one.default))
            fields[name] = (hint, ... if required else one.default)
    for name in part.options:
        if name in _NOT_HERE and kind == "provider":
            raise BadInput(f"'{name}' has no place here", where=profile.where(kind, name), hint=_NOT_HERE[name])
        if name not in fields:
            raise unknown(f"keyword of {part.name}", name, sorted(fields), where=profile.where(kind, name))
    config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    try:
        values = validate(pydantic.create_model(part.name, __config__=config, **fields), part.options)
    except Invalid as error:
        problem = error.problems[0]
        name = ".".join(problem.path)
        raise BadInput(
            f"'{name}' of {part.name}: {problem.message}", where=profile.where(kind, *problem.path)
        ) from None
    options = {name: getattr(values, name) for name in part.options}
    if kind == "provider" and options.get("nodes_per_block", 1) > 1 and profile.launcher is None:
        raise BadInput(
            "a pilot of several nodes needs a launcher that starts workers on each of them",
            where=profile.where(kind, "nodes_per_block"),
            hint="such as `launcher: {class: SrunLauncher}`; or ask for more pilots of one node, by max_blocks",
        )
    return options

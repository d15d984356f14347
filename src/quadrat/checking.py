"""What is checked of a plan before anything of it runs, or is handed to others."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from quadrat.core.errors import BadInput
from quadrat.plan.plan import Plan, Reason


def check_upstreams(plan: Plan) -> None:
    """With `--only` the upstreams must be there.

    Raises:
        BadInput: where one is not finished.
    """
    for name, one in plan.tasks.items():
        if one.active:
            continue
        needed = one.reason != Reason.FINISHED
        if needed.any():
            count = int(needed.sum())
            wanted = [other for other, below in plan.tasks.items() if below.active]
            raise BadInput(
                f"{count} of {one.size} runs of '{name}' are not finished, and {', '.join(wanted)} needs them",
                hint=f"run them first: --to {wanted[0]} in place of --only {wanted[0]}",
            )


def check_tasks(plan: Plan, runs: Mapping[str, Sequence[int]] | None = None) -> None:
    """Make the checks that tasks declare, of every point that is to be run.

    Args:
        plan: the plan.
        runs: for each task the runs that are to be run; None for all that the plan has to run.

    Raises:
        BadInput: where one of them does.
    """
    for name, one in plan.tasks.items():
        check = one.task.check
        if check is None or not one.active:
            continue
        wanted_runs = one.to_run if runs is None else list(runs.get(name, ()))
        for point in sorted(set(one.made.point[wanted_runs].tolist())):
            arguments = one.task.arguments(one.made.points[point])
            wanted = inspect.signature(check).parameters
            check(**{name: value for name, value in arguments.items() if name in wanted})


def check_plan(plan: Plan) -> None:
    """Make all checks.

    Raises:
        BadInput: where something is wrong.
    """
    check_upstreams(plan)
    check_tasks(plan)

"""The graph of a plan's tasks, with how many runs each has, as text and as a picture."""

from __future__ import annotations

from quadrat.plan.plan import Plan
from quadrat.querying.drawing import Box, draw


def nodes(plan: Plan) -> list[tuple[str, str, str]]:
    """Each task with its label and a colour: finished, partly, or not begun."""
    found = []
    for name, one in plan.tasks.items():
        counts = one.counts()
        share = counts["finished"] / counts["runs"] if counts["runs"] else 0
        colour = "#c7e9c0" if share == 1 else "#fdd0a2" if share else "#deebf7"
        found.append((name, f"{_runs(counts['runs'])}, {counts['finished']:,} finished", colour))
    return found


def edges(plan: Plan) -> list[tuple[str, str, str]]:
    """Each upstream with its reader and what is said at the arrow: how it gathers."""
    found = []
    for name, one in plan.tasks.items():
        for link in one.task.inputs:
            gather = link.gather
            text = ""
            if gather is not None:
                text = f"{type(gather).__name__.lower()} {', '.join(gather.names)}" if gather.names else "all"
            if link.when is not None:
                text = "when"
            found.append((link.name, name, text))
    return found


def mermaid(plan: Plan) -> str:
    """The graph for Markdown pages."""
    lines = ["flowchart LR"]
    lines += [f'  {name}["{name}<br/>{label}"]' for name, label, _ in nodes(plan)]
    lines += [f"  {one} -->|{text}| {other}" if text else f"  {one} --> {other}" for one, other, text in edges(plan)]
    lines += [f"  style {name} fill:{colour}" for name, _, colour in nodes(plan)]
    return "\n".join(lines)


def dot(plan: Plan) -> str:
    """The graph for Graphviz."""
    lines = [
        f'digraph "{plan.study.name}" {{',
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica"];',
    ]
    lines += [f'  "{name}" [label="{name}\\n{label}", fillcolor="{colour}"];' for name, label, colour in nodes(plan)]
    lines += [
        f'  "{one}" -> "{other}" [label="{text}", fontname="Helvetica", fontsize=10];'
        for one, other, text in edges(plan)
    ]
    return "\n".join([*lines, "}"])


def svg(plan: Plan) -> str:
    """The graph as a picture: a column for each step of the longest way to a task."""
    depth: dict[str, int] = {}
    for name, one in plan.tasks.items():
        depth[name] = max((depth[link.name] + 1 for link in one.task.inputs), default=0)
    boxes = [Box(name, label, colour, depth[name]) for name, label, colour in nodes(plan)]
    return draw(boxes, edges(plan), title=f"{plan.study.name}: tasks and runs")


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"

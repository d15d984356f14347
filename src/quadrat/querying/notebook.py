"""A study on a store as a notebook shows it: counts, the table of its last task, a figure."""

from __future__ import annotations

from html import escape
from typing import Any

from quadrat.core.errors import QuadratError
from quadrat.querying.exports import leaf_task
from quadrat.querying.tables import table
from quadrat.results import html, human
from quadrat.results.figures.automatic import graphs
from quadrat.results.table import Table
from quadrat.session import Session

_ROWS = 10
_BAR = (
    '<div style="display: inline-block; width: 8em; height: 0.7em; background: #e4e4e4" role="img" '
    'aria-label="{share:.0%} finished"><div style="width: {share:.1%}; height: 100%; background: #009E73"></div></div>'
)


def as_html(session: Session) -> str:
    """What a study on a store looks like: counts, ten rows of the last task, and its first metric."""
    counts = session.plan().counts()
    title = f"<b>{escape(session.study.name)}</b> on <code>{escape(str(session.store.root))}</code>"
    done = f"{counts['finished']:,} of {counts['runs']:,} runs finished"
    parts = [f"<div>{title}: {done}</div>", _counts(counts)]
    try:
        task = leaf_task(session.study)
        made = table(session, task)
    except QuadratError:  # nothing that has a table
        return "".join(parts)
    if len(made.frame):
        parts.append(f"<div><b>{escape(task)}</b></div>")
        parts.append(html.table(human.shown(made.frame, made.axes, choices=made.choices), _ROWS))
        parts.append(_figure(made))
    return "".join(parts)


def _counts(counts: dict[str, Any]) -> str:
    rows = [
        f'<tr><td style="text-align: left">{escape(one["task"])}</td>'
        f"<td>{_BAR.format(share=one['finished'] / max(1, one['runs']))}</td>"
        f'<td style="text-align: left">{one["finished"]:,} of {one["runs"]:,}{_more(one)}</td></tr>'
        for one in counts["tasks"]
    ]
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _more(one: dict[str, Any]) -> str:
    told = [f"{one[key]:,} {key}" for key in ("failed", "outdated") if one[key]]
    return f" ({', '.join(told)})" if told else ""


def _figure(made: Table) -> str:
    """The first metric of the task against what varies; nothing without matplotlib."""
    images = [f'<img alt="{escape(one.label, quote=True)}" src="{one.address}">' for one in graphs(made, most=1)]
    return "".join(images)

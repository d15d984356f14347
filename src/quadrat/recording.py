"""What is recorded with every run of a request: what was asked for, by which code, in which environment."""

from __future__ import annotations

import shlex
from pathlib import Path

from quadrat.core.fingerprint import own_modules
from quadrat.execution.base import Context
from quadrat.execution.provenance import git_state, kept_environment
from quadrat.plan.plan import Plan
from quadrat.session import Session


def make_context(session: Session, plan: Plan, owner: str) -> Context:
    """What all runs of a plan are recorded with; keeps the request and the environment in the store.

    Raises:
        StoreError: where the store cannot be written.
    """
    store = session.store
    request = session.request
    kept = store.keep_plan(
        {
            "study": session.study.name,
            "kind": session.loaded.ref.kind,
            "source": session.loaded.ref.target,
            "overrides": list(request.overrides),
            "config_files": [str(path) for path in (*session.project_files, *request.config_files)],
            "only": request.only,
            "to": request.to,
            "where": list(request.where),
            "settings": {name: repr(value) for name, value in session.expansion.request.settings.items()},
            "sweep": repr(session.expansion.request.sweep),
            "values": {name: repr(value) for name, value in session.expansion.request.base.items()},
            "codes": session.codes,
        }
    )
    return Context(
        store=str(store.root),
        study=session.loaded.ref,
        owner=owner,
        codes=session.codes,
        environment=kept_environment(store),
        git=git_state(session.study.file),
        plan=kept,
        command=rerun_command(session),
        preload=session.study.preload,
        modules=tuple(own_modules(session.study, (one.task for one in plan.tasks.values() if one.to_run.any()))),
        durable=session.settings.durable,
    )


def rerun_command(session: Session) -> str:
    """How to run one run alone, with `{id}` in it."""
    store = session.store.root
    given = "" if store == Path("runs").absolute() else f" --store {shlex.quote(str(store))}"
    return (
        f"quadrat debug {{id}}{given}".replace("{id}", "\0").replace("{", "{{").replace("}", "}}").replace("\0", "{id}")
    )

"""Imported once by the fork server: loads the study and the modules that it names, so that every worker starts warm."""

from __future__ import annotations

import contextlib
import importlib

from quadrat.core.loading import load_study
from quadrat.execution.pool import preload_request

_study, _modules = preload_request()
# What does not load here is met again in the worker, where somebody can be told.
for _name in _modules:
    with contextlib.suppress(Exception):
        importlib.import_module(_name)
if _study is not None:
    with contextlib.suppress(Exception):
        load_study(_study)

"""The command line: one short file per verb; heavy imports happen inside the verbs."""

from quadrat.cli.main import main

__all__ = ["main"]

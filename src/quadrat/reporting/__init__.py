"""The report of a sweep: one file for a reader who has nothing installed."""

from quadrat.reporting.gathering import Report, gather
from quadrat.reporting.rendering import FORMATS, format_of, render

__all__ = ["FORMATS", "Report", "format_of", "gather", "render"]

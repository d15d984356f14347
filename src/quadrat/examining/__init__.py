"""Is this machine, this store, this site all right? What `quadrat doctor` looks at."""

from quadrat.examining.check import Check, Level
from quadrat.examining.examination import Examination

__all__ = ["Check", "Examination", "Level"]

"""The trivial work of every peer: one number a run, which `python work.py TARGET SAMPLER FILE` writes as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def estimate(target: int, sampler: int) -> float:
    """What a run of `sample` in scale_study.py says."""
    return target * 0.5 + sampler


if __name__ == "__main__":
    answer = {"estimate": estimate(int(sys.argv[1]), int(sys.argv[2]))}
    Path(sys.argv[3]).write_text(json.dumps(answer), encoding="utf-8")

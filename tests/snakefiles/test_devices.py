"""Jobs of Snakemake on one machine do not share accelerators that they could have alone."""

from __future__ import annotations

import os
from pathlib import Path

from quadrat.execution.devices import CUDA, Visible
from quadrat.snakefiles.doing import hold_devices

TWO = Visible(("0", "GPU-8932f937"), (CUDA,))


def test_each_job_holds_its_own(tmp_path: Path) -> None:
    first, held = hold_devices(TWO, 1, tmp_path)
    second, also = hold_devices(TWO, 1, tmp_path)
    assert (first.names, second.names) == (("0",), ("GPU-8932f937",))
    crowded, _ = hold_devices(TWO, 1, tmp_path)
    assert crowded == TWO  # nothing is free: it has to share
    for handle in (*held, *also):
        os.close(handle)
    both, held = hold_devices(TWO, 2, tmp_path)
    assert both == TWO
    assert len(held) == 2


def test_who_needs_none_holds_none(tmp_path: Path) -> None:
    assert hold_devices(TWO, 0, tmp_path) == (TWO, [])
    assert hold_devices(Visible(), 1, tmp_path) == (Visible(), [])
    assert list(tmp_path.iterdir()) == []

"""Importing what runs workers changes nothing in the process that imports it."""

from __future__ import annotations

import subprocess
import sys


def test_a_process_keeps_its_ctrl_c() -> None:
    script = "import signal, quadrat.running; raise SystemExit(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0

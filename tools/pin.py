"""Write constraints.txt: what pip resolves for '.[all,bench,dev]' in a fresh environment, one exact version a line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The build that the tests and the recorded numbers are made with; only raised on purpose.
FIXED = ["torch==2.13.0"]
HEAD = """\
# Exact versions of everything that '.[all,bench,dev]' installs (Python 3.11): pip install -c constraints.txt '.[torch]'
# Resolved in a fresh environment by `make constraints`. Local versions (+cpu) are left out, so that every build fits.
"""


def main() -> None:
    """Resolve, strip local versions, write."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        report = Path(folder, "report.json")
        pip = [str(Path(folder, "bin", "python")), "-m", "pip", "install", "--dry-run", "--quiet"]
        subprocess.run([*pip, "--report", str(report), *FIXED, f"{ROOT}[all,bench,dev]"], check=True)
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    pins = {re.sub(r"[-_.]+", "-", each["name"]).lower(): each["version"].split("+")[0] for each in found}
    del pins["quadrat"]
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    Path(ROOT, "constraints.txt").write_text(HEAD + "".join(lines))
    sys.stdout.write(f"constraints.txt: {len(lines)} packages\n")


if __name__ == "__main__":
    main()

"""What a job of Snakemake does: one run of a frozen plan, or a chunk of its runs.

    python -m quadrat.snakefiles.job PLAN RULE OUTPUT… --log FILE
    python -m quadrat.snakefiles.job PLAN CHUNK OUTPUT --chunk --log FILE
    python -m quadrat.snakefiles.job PLAN TARGET OUTPUT --tried

PLAN is the folder of the frozen plan. OUTPUT is what Snakemake waits for; of a run's names the first is enough.
`--tried` looks how all chunks of a target went.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> None:
    """Do what the command line says; ends the process."""
    parser = argparse.ArgumentParser(prog="quadrat.snakefiles.job")
    parser.add_argument("plan", type=Path)
    parser.add_argument("name")
    parser.add_argument("output", type=Path, nargs="+")
    parser.add_argument("--log", type=Path, default=Path(os.devnull))
    parser.add_argument("--chunk", action="store_true")
    parser.add_argument("--tried", action="store_true")
    asked = parser.parse_args()

    from quadrat.execution import threads
    from quadrat.execution.warm import NVML_VARIABLE

    # As for workers of a pool: before numpy is loaded, and before a study looks at the devices.
    os.environ.update(threads.environment(1))
    os.environ.setdefault(NVML_VARIABLE, "1")
    from quadrat.core.errors import QuadratError
    from quadrat.snakefiles.doing import Doer

    try:
        with asked.log.open("wb", buffering=0) as log:
            doer = Doer(asked.plan, log)
            do = doer.tried if asked.tried else doer.chunk if asked.chunk else doer.one
            code = do(asked.name, asked.output[0])
    except QuadratError as error:
        sys.stderr.write(f"error: {error}\n")
        code = error.exit_code
    sys.stdout.flush()
    sys.exit(code)


if __name__ == "__main__":
    main()

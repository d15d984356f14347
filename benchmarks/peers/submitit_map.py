"""submitit: `python submitit_map.py RUNS` in an empty folder, one element of a job array for each run."""

from __future__ import annotations

import sys

import submitit
from work import estimate

if __name__ == "__main__":
    runs = int(sys.argv[1])
    executor = submitit.AutoExecutor(folder="logs", cluster="slurm")
    executor.update_parameters(timeout_min=10, slurm_array_parallelism=runs, cpus_per_task=1)
    results = [job.result() for job in executor.map_array(estimate, [0] * runs, range(runs))]
    print(len(results))

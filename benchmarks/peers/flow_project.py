"""signac-flow: `python flow_project.py init RUNS` in an empty folder, then `python flow_project.py run` or `submit`."""

from __future__ import annotations

import sys

import signac
from flow import FlowProject
from work import estimate


class Project(FlowProject):
    pass


@Project.post(lambda job: "estimate" in job.document)
@Project.operation
def sample(job):
    job.document["estimate"] = estimate(job.statepoint["target"], job.statepoint["sampler"])


if __name__ == "__main__":
    if sys.argv[1] == "init":
        project = signac.init_project()
        for sampler in range(int(sys.argv[2])):
            project.open_job({"target": 0, "sampler": sampler}).init()
    else:
        Project().main()

#!/bin/sh
# Snakemake on a cluster, called as snakemake is:
#
#   ./cluster/snakecharm.sh -j100 all
#   ./cluster/snakecharm.sh -j100 all --config seed="[1,2,3]"
#   ./cluster/snakecharm.sh -j100 "runs/models/*.pt"
#
# A quoted pattern stands for every name of the sweep that it fits. Another profile: PROFILE=profiles/mine.
set -eu
cd "$(dirname "$0")/.."
exec quadrat make "$@" --profile "${PROFILE:-profiles/slurm}"

"""SLURM: shares of a frozen plan as job arrays of warm workers."""

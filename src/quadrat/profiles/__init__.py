"""Profiles: YAML files that say where pilots come from. `laptop` and `slurm` come with Quadrat, to use and to copy."""

from quadrat.profiles.reading import load_profile, shipped

__all__ = ["load_profile", "shipped"]

"""Configuration to points: the algebra of spaces, the `sweep:` section, settings, and the own points of each task."""

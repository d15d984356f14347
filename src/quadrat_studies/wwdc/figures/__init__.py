"""Figures, in one style: labels with units, intervals, colours for the colour-blind."""

"""Figures of sweeps: one style, one module for each kind of plot, and in each file what it was made from."""

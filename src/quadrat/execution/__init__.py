"""Runs what a plan asks for: orders of runs, executors that carry them out, and the scheduler between them."""

"""What finished runs say: tidy tables, means over axes, figures, and exports."""

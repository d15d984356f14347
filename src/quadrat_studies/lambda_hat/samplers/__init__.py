"""Samplers of the tempered local posterior. Each takes several runs ("lanes") of one form in one compiled call."""

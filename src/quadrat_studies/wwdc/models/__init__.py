"""Networks that experiments name by `_target_`."""

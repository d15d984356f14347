"""Digits in colour, rotated and scaled, with the factors that made them: one xarray dataset, kept as zarr."""

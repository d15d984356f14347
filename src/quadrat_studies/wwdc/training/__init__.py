"""Training by Lightning: what is trained, on which batches, and flows side by side."""

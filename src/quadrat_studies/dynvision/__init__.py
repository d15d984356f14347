"""The study `dynvision`: recurrent vision models with biological time, and their experiments."""

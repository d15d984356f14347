"""Making, training and testing models: what the tasks of the study do."""

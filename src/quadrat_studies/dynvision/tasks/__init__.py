"""What the tasks of the study do with their runs: arguments in, files and results out."""

"""Glue to frameworks of machine learning, for tasks to import; nothing of the library imports it."""

"""Points and finished ids to a plan: rows as joins in columns, runs, and the reason for each. Pure."""

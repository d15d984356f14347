"""The folder that holds finished runs: layout, records, commits, leases, index, upkeep, views."""

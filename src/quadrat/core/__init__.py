"""Values that everything else shares: params, tasks, studies, names, identity, errors. Imports nothing of Quadrat."""

"""A conformant server in memory, and its mutants: one for each requirement, which breaks just that."""

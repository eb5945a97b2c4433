"""Who may do what, as pure functions: no rows, no clock, no network."""

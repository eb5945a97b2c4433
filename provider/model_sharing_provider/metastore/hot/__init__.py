"""Hot path: reads that every load makes, as plain SQL, cached until something changes."""

"""Keeping the cache in order: what is in it, what may go, and whether it is still right."""

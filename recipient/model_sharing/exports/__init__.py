"""Exports: a version's files in a folder outside of the cache, signed, and the check of them."""

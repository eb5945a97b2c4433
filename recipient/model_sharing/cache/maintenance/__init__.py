"""Cache maintenance: the inventory of the cache, pruning it, and verifying every content in it."""

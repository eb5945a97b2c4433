"""Keys and secrets of a provider, in files that only their owner can read."""

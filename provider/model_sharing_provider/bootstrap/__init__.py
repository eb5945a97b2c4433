"""Bootstrap: composition of a provider, and its first start."""

"""Configuration: the settings of a provider, their kinds, and their sources."""

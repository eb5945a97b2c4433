"""Configuration: the settings of a provider, their kinds, and where values come from."""

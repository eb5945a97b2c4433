"""Proxies, balancers, certificates and downloads on a network that may misbehave."""

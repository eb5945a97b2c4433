"""Bootstrap: wire every part of a provider together, and make what a first start needs."""

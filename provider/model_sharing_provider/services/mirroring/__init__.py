"""Mirroring: catalogs that are made from a share of another provider."""

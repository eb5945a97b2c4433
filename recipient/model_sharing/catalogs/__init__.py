"""Catalogs of mounted shares, asynchronous: list models, resolve, download and load. `api` is for people."""

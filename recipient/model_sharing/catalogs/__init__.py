"""Catalogs: a mounted share's models, from listing them to loading one. Asynchronous; `api` is for people."""

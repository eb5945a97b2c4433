"""Artifact cache: verified file contents on disk, shared by all mounts and processes of one home.

`store` says how it is laid out; `maintenance` looks through all of it, to list, prune and verify.
"""

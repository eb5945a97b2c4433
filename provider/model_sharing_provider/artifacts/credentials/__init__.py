"""Temporary credentials for one folder, one module per cloud.

Such credentials cannot be revoked: they are valid until they expire.
"""

"""Temporary credentials: one file a cloud, each of which lets the bearer read one folder for a while.

Nobody can take such credentials back: whoever was given some can read that folder until they expire.
"""

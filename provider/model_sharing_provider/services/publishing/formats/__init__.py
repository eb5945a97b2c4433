"""Formats that can be registered: one module a format, each of which reads a version's files.

A reader checks what a format must have, and tells what the files say about the model. It looks into headers
and small text files, imports no library that could load a model, and runs nothing of it.
"""

"""Bytes: where the files of model versions are stored, streamed from, and pointed at. Knows no rows."""

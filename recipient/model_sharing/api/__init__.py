"""The Python API: blocking functions and catalogs, an asynchronous catalog, and what they show of progress.

`model_sharing` exports what is public here. The work is done in `catalogs`.
"""

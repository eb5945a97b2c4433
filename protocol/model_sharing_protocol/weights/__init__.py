"""Weights files: what their headers say, read without the libraries that wrote them.

Headers may be hostile. The readers take `read(offset, length)` and the size of the file, believe no length
that they find, and raise InvalidModel for what is not a valid header.
"""

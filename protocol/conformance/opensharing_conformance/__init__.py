"""Conformance suite for servers of the OpenSharing and Delta Sharing protocols.

Requirements are rows of `requirements.toml`; the functions in `checks` prove them by what a server answers to
a recipient's requests. Nothing here is part of a server or of a client: it tests any server over HTTP.
"""

from __future__ import annotations

__version__ = "0.1.0"

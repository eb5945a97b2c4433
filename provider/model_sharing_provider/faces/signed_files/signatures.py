"""Signatures of URLs: the query of a signed URL, and the path that it is for."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, NotFound, PermissionDenied
from model_sharing_provider.http.parameter_schemas import TEXT
from model_sharing_provider.http.routes import Media, Query
from model_sharing_provider.http.urls import FILES_PREFIX

BYTES = Media("application/octet-stream")
SIGNATURE = (
    Query("grant", TEXT, required=True),
    Query("token", TEXT, required=True),
    Query("revision", {"type": "integer"}, required=True),
    Query("expires", {"type": "integer"}, required=True),
    Query("key", TEXT, required=True),
    Query("signature", TEXT, required=True),
)
"""Signature of a URL, with the parameters that it covers besides the path."""

SIGNATURE_ERRORS = (InvalidParameter, PermissionDenied, NotFound)


def signed_path(request: web.Request) -> str:
    """Path that the signature covers: the request's, below the prefix of all signed files."""
    return request.path.removeprefix(f"{FILES_PREFIX}/")

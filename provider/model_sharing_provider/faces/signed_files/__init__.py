"""Signed files face: downloads, whole or in ranges, and uploads into a version that is being made.

The URL is the credential: no bearer token is asked for, and none should be sent. A URL works any number of
times until it expires.
"""

from __future__ import annotations

from model_sharing_provider.faces.signed_files import downloads, uploads
from model_sharing_provider.http.errors import OPEN_SHARING_ERRORS
from model_sharing_provider.http.parameter_schemas import NOT_EMPTY
from model_sharing_provider.http.routes import Face
from model_sharing_provider.http.urls import FILES_PREFIX

_UUID = {"type": "string", "format": "uuid"}

FACE = Face(
    name="signed-files",
    prefix=FILES_PREFIX,
    authentication=None,
    errors=OPEN_SHARING_ERRORS,
    documented_in="open-sharing",
    parameters={
        "version": _UUID,
        "asset": _UUID,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "path": NOT_EMPTY,
        "session": _UUID,
        "number": {"type": "integer", "minimum": 1},
    },
    routes=(*downloads.ROUTES, *uploads.ROUTES),
)

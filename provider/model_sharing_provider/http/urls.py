"""URLs of this server that one face hands out and another serves: activation links and signed files."""

from __future__ import annotations

import base64

from aiohttp import web

from model_sharing_provider.http.forwarded_headers import origin
from model_sharing_provider.http.requests import provider_of

ACTIVATION_PREFIX = "/api/2.1/unity-catalog/public"
ACTIVATION_PATH = f"{ACTIVATION_PREFIX}/data_sharing_activation"
"""Path of activation links; the code follows."""

EXPLORER_PREFIX = "/explorer"

FILES_PREFIX = "/artifacts"


def base_url(request: web.Request) -> str:
    """Base URL of this server as clients reach it, without a trailing slash."""
    return provider_of(request).public_url or origin(request)


def files_base_url(request: web.Request) -> str:
    """Base of signed URLs, with a trailing slash. Presigned URLs of an object store are absolute already."""
    return f"{base_url(request)}{FILES_PREFIX}/"


def upload_path(path: str, *, overwrite: bool) -> str:
    """Path of a file's upload, below that of the version; the file's own path in base64 needs no quoting."""
    kind = "file" if overwrite else "new-file"
    return f"{kind}/{base64.urlsafe_b64encode(path.encode()).decode().rstrip('=')}"


def part_upload_path(session: str, number: int) -> str:
    """Path of one part of a multipart upload, below that of the version."""
    return f"part/{session}/{number}"


def upload_session_path(session: str) -> str:
    """Path of a multipart upload as a whole, below that of the version: DELETE aborts it."""
    return f"session/{session}"

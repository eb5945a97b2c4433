"""URLs of files on this server, which other faces sign and the face `signed_files` serves."""

from __future__ import annotations

import base64

from aiohttp import web

from model_sharing_provider.http.requests import base_url

FILES_PREFIX = "/artifacts"


def files_base_url(request: web.Request) -> str:
    """Base of signed URLs, with a trailing slash. Those of an object store are absolute and do not change."""
    return f"{base_url(request)}{FILES_PREFIX}/"


def file_upload(path: str, *, overwrite: bool) -> str:
    """Part of an upload URL after the version, for a whole file: its path in letters that need no quoting."""
    kind = "file" if overwrite else "new-file"
    return f"{kind}/{base64.urlsafe_b64encode(path.encode()).decode().rstrip('=')}"


def part_upload(session: str, number: int) -> str:
    """Part of an upload URL after the version, for one part of a file."""
    return f"part/{session}/{number}"


def upload_session(session: str) -> str:
    """Part of a URL after the version, for an upload that is given up."""
    return f"session/{session}"

"""URLs of this server that one face hands out and another serves: activation links and signed files."""

from __future__ import annotations

import base64
from urllib.parse import quote

from aiohttp import web

from model_sharing_protocol import activation_links
from model_sharing_provider.http.forwarded_headers import origin
from model_sharing_provider.http.requests import provider_of

ACTIVATION_PREFIX = "/api/2.1/unity-catalog/public"
ACTIVATION_PATH = activation_links.API_PATH

EXPLORER_PREFIX = "/explorer"
SIGN_IN_CALLBACK_PATH = f"{EXPLORER_PREFIX}/sign-in/callback"
ACTIVATION_PAGE_PATH = activation_links.PAGE_PATH

FILES_PREFIX = "/artifacts"


def base_url(request: web.Request) -> str:
    """Base URL of this server as clients reach it, without a trailing slash."""
    return provider_of(request).public_url or origin(request)


def activation_link(base: str, code: str, *, pages: bool) -> str:
    """Activation link to give to a recipient.

    It opens a page where there are `pages`, which no preview in a chat or mail uses up.
    """
    return f"{base}{ACTIVATION_PAGE_PATH if pages else ACTIVATION_PATH}/{quote(code, safe='')}"


def activation_code(request: web.Request) -> str:
    """Activation code: the last segment of the path, since people also paste whole links in its place."""
    return request.match_info["code"].rstrip("/").rpartition("/")[2]


def files_base_url(request: web.Request) -> str:
    """Base of signed URLs, with a trailing slash. Presigned URLs of an object store are absolute already."""
    return f"{base_url(request)}{FILES_PREFIX}/"


def file_url(base: str, url: str) -> str:
    """URL of a file: below the `base` of signed URLs or, if it is the object store's, as it is."""
    return url if url.startswith(("https://", "http://")) else base + url


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

"""Responses: JSON bodies, and the headers that all or some responses carry."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import hdrs, web

from model_sharing_protocol import open_sharing
from model_sharing_protocol.profile import Profile

COMMON_HEADERS = {"Server": "model-sharing", "X-Content-Type-Options": "nosniff"}
"""Headers of every response: no version, which would help attackers, and no guessing of content types."""

NO_STORE = {"Cache-Control": "no-store"}
"""Headers of a response that holds a secret."""

SECRET_URL = {**NO_STORE, "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
"""Headers of a page or download whose URL is a secret."""


def json_response(
    body: Any, content_type: str, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """JSON response on one line (some clients insist), header and body in one write."""
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        headers={"Content-Type": content_type, **(headers or {})},
    )


def profile_response(profile: Profile) -> web.Response:
    """Download of a profile file, with its token."""
    headers = {
        hdrs.CONTENT_TYPE: open_sharing.JSON,
        hdrs.CONTENT_DISPOSITION: 'attachment; filename="config.share"',
        **SECRET_URL,
    }
    return web.Response(body=profile.to_json(), headers=headers)

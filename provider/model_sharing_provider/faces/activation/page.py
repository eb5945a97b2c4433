"""Activation page of a server without the explorer: a button, and no style, script or image."""

from __future__ import annotations

from html import escape
from string import Template

from aiohttp import web

from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.times import iso, now_ms
from model_sharing_provider.domain.sharing import ActivationOffer
from model_sharing_provider.http.errors import OPEN_SHARING_ERRORS
from model_sharing_provider.http.requests import REQUEST_ID, context_of, provider_of
from model_sharing_provider.http.responses import SECRET_URL
from model_sharing_provider.http.urls import activation_code

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Activation link - model-sharing</title></head>
<body><main><h1>Activation link</h1>
$content
</main><footer><small>Request $request_id</small></footer></body></html>
"""
)
_BUTTON = Template(
    """<p>Models are shared with <strong>$recipient</strong>. This link works once, until $end.</p>
<form method="post"><button>Download the profile file</button></form>"""
)
_GONE = 410
_HEADERS = {
    **SECRET_URL,
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


async def link_page(request: web.Request) -> web.Response:
    """Page of an activation link, with the button that uses it."""
    try:
        offer = await provider_of(request).activation_links.offer(
            context_of(request), activation_code(request)
        )
    except SharingError as error:
        status, _ = OPEN_SHARING_ERRORS.look_up(error.row)
        response = _render(request, f"<p>{escape(error.message)}</p>", status)
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        return response
    if why := _ended(offer):
        return _render(request, f"<p>{why} Ask the provider for another.</p>", _GONE)
    end = iso(offer.token.expires_at)
    return _render(request, _BUTTON.substitute(recipient=escape(offer.recipient), end=end))


def _ended(offer: ActivationOffer) -> str:
    """Reason why a link cannot be used any more; empty if it can."""
    if offer.token.activated_at is not None:
        return f"This link was used at {iso(offer.token.activated_at)}; each works once."
    return (
        f"This link expired at {iso(offer.token.expires_at)}." if offer.token.expires_at <= now_ms() else ""
    )


def _render(request: web.Request, content: str, status: int = 200) -> web.Response:
    text = _PAGE.substitute(content=content, request_id=request[REQUEST_ID])
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=_HEADERS)

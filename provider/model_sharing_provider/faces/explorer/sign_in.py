"""Sign-in by an access token, and sign-out."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from model_sharing_protocol.errors import SharingError
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.faces.explorer.sessions import (
    check_encrypted,
    check_origin,
    forget_session,
    session_secret,
    set_session,
)
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.urls import EXPLORER_PREFIX


async def show(request: web.Request) -> web.Response:
    """Page with the form for a token."""
    check_encrypted(request)
    return render(request, "sign_in.html", wanted=request.query.get("next", ""), error="")


async def sign_in(request: web.Request) -> web.Response:
    """Begin a session, and open the page that was asked for."""
    check_encrypted(request)
    check_origin(request)
    fields = await read_form(request)
    wanted = fields.text("next")
    try:
        session = await provider_of(request).sessions.begin(context_of(request), fields.text("token"))
    except SharingError as error:
        status, _ = UNITY_CATALOG_ERRORS.look_up(error.row)
        return render(request, "sign_in.html", status=status, wanted=wanted, error=error.message)
    response = see_other(request)
    if _is_page_here(request, wanted):
        response.headers[hdrs.LOCATION] = wanted
    set_session(request, response, session)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End the session, here and in the browser."""
    await provider_of(request).sessions.end(context_of(request), session_secret(request))
    response = see_other(request, "sign-in", done="signed-out")
    forget_session(request, response)
    return response


def _is_page_here(request: web.Request, wanted: str) -> bool:
    """True for the path of a page of the explorer, never for the URL of another site."""
    home = explorer_url(request)
    parts = urlsplit(wanted)
    inside = parts.path == home or parts.path.startswith(f"{home}/")
    return inside and not parts.scheme and not parts.netloc and wanted.isascii() and wanted.isprintable()


ROUTES = (page(f"{EXPLORER_PREFIX}/sign-in", show), form(f"{EXPLORER_PREFIX}/sign-in", sign_in))
SIGN_OUT_ROUTES = (form("/sign-out", sign_out),)

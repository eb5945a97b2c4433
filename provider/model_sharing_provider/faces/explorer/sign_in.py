"""Sign-in by an access token, and sign-out."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from model_sharing_protocol.errors import SharingError
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import (
    explorer_url,
    render,
    see_elsewhere,
    see_other,
)
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
    return _form(request, request.query.get("next", ""))


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
        return _form(request, wanted, error.message, status=status)
    response = see_elsewhere(page_here(request, wanted))
    set_session(request, response, session)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End the session, here and in the browser."""
    elsewhere = await provider_of(request).sessions.end(context_of(request), session_secret(request))
    response = see_other(request, "sign-in", done="signed-out-here" if elsewhere else "signed-out")
    forget_session(request, response)
    return response


def page_here(request: web.Request, wanted: str) -> str:
    """Path of the page that was asked for; that of the home if it is not one of the explorer."""
    home = explorer_url(request)
    parts = urlsplit(wanted)
    inside = parts.path == home or parts.path.startswith(f"{home}/")
    local = inside and not parts.scheme and not parts.netloc
    return wanted if local and wanted.isascii() and wanted.isprintable() else home


def _form(request: web.Request, wanted: str, error: str = "", *, status: int = 200) -> web.Response:
    provider = provider_of(request).code_sign_in.provider
    name = provider.name if provider is not None else ""
    return render(request, "sign_in.html", status=status, wanted=wanted, error=error, provider=name)


ROUTES = (page(f"{EXPLORER_PREFIX}/sign-in", show), form(f"{EXPLORER_PREFIX}/sign-in", sign_in))
SIGN_OUT_ROUTES = (form("/sign-out", sign_out),)

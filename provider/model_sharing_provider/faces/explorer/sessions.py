"""Sessions of the explorer: the cookie that holds one, and what protects forms from other sites.

The cookie is `__Host-`, Secure, HttpOnly and SameSite=Strict. Over plain http, which is served to browsers on
the same machine alone, it cannot be Secure. A form is accepted from a page of this server only: by the CSRF
token on it, which is derived from the session's secret, and by what the browser says of its origin.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from yarl import URL

from model_sharing_protocol.errors import PermissionDenied, Unauthenticated
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.urls import base_url
from model_sharing_provider.services.registry.code_sign_in import LIFETIME as SIGN_IN_LIFETIME
from model_sharing_provider.services.registry.sessions import NewSession

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
_SECURE_COOKIE = "__Host-model-sharing"
_COOKIE = "model-sharing"
_PENDING = "-sign-in"
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_SAME_ORIGIN = "same-origin"
_OTHER_SITE = (
    "This form was sent from another site, so nothing was changed; open the page here and try again."
)


async def authenticate(request: web.Request) -> Principal:
    """Principal of a request's session; a form's CSRF token is checked, too.

    Raises Unauthenticated without a session, PermissionDenied for a form from elsewhere.
    """
    secret = session_secret(request)
    if not secret:
        raise Unauthenticated("Sign in to see this page.")
    principal = await provider_of(request).sessions.authenticate(context_of(request), secret)
    if request.method not in _SAFE_METHODS:
        check_origin(request)
        given = request.headers.get(CSRF_HEADER) or (await read_form(request)).text(CSRF_FIELD)
        if not hmac.compare_digest(given.encode(errors="replace"), csrf_token(request).encode()):
            raise PermissionDenied(_OTHER_SITE)
    return principal


def session_secret(request: web.Request) -> str:
    """Secret of the session that a request's cookie names; empty without one."""
    return request.cookies.get(_cookie_name(request), "")


def csrf_token(request: web.Request) -> str:
    """CSRF token of a request's session."""
    return hashlib.sha256(b"csrf " + session_secret(request).encode()).hexdigest()


def check_origin(request: web.Request) -> None:
    """Check that a form was sent from a page of this server. Raises PermissionDenied.

    Browsers since 2023 say so in `Sec-Fetch-Site`. `Origin` is `null` from our own pages, too, since they
    send no referrer.
    """
    site = request.headers.get("Sec-Fetch-Site")
    # A browser writes it in lower case and without the scheme's own port, however we are configured.
    from_here = request.headers.get("Origin") == str(URL(base_url(request)).origin())
    if site != _SAME_ORIGIN and not (site is None and from_here):
        raise PermissionDenied(_OTHER_SITE)


def check_encrypted(request: web.Request) -> None:
    """Check that a token and a cookie can be sent safely. Raises PermissionDenied over plain http."""
    if not (_is_secure(request) or _is_loopback(urlsplit(base_url(request)).hostname or "")):
        raise PermissionDenied(
            "This page is served over plain http, where anybody on the way can read your token. Open it over "
            "https; on the server's own machine, http://127.0.0.1 is fine, too."
        )


def set_session(request: web.Request, response: web.StreamResponse, session: NewSession) -> None:
    """Give the browser its session."""
    seconds = max(0, (session.expires_at - now_ms()) // 1000)
    response.set_cookie(
        _cookie_name(request),
        session.secret,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=_is_secure(request),
        samesite="Strict",
    )


def forget_session(request: web.Request, response: web.StreamResponse) -> None:
    """Delete the browser's cookie."""
    response.del_cookie(
        _cookie_name(request), path="/", httponly=True, secure=_is_secure(request), samesite="Strict"
    )


def pending_sign_in(request: web.Request) -> str:
    """Sign-in at an identity provider that the browser has begun; empty without one."""
    return request.cookies.get(_cookie_name(request, _PENDING), "")


def set_pending_sign_in(request: web.Request, response: web.StreamResponse, pending: str) -> None:
    """Let the browser keep its sign-in until it comes back, which is by a link from another site."""
    response.set_cookie(
        _cookie_name(request, _PENDING),
        pending,
        max_age=int(SIGN_IN_LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        secure=_is_secure(request),
        samesite="Lax",
    )


def forget_pending_sign_in(request: web.Request, response: web.StreamResponse) -> None:
    """Delete the browser's sign-in, which has ended one way or the other."""
    response.del_cookie(
        _cookie_name(request, _PENDING), path="/", httponly=True, secure=_is_secure(request), samesite="Lax"
    )


def _cookie_name(request: web.Request, purpose: str = "") -> str:
    return (_SECURE_COOKIE if _is_secure(request) else _COOKIE) + purpose


def _is_secure(request: web.Request) -> bool:
    return urlsplit(base_url(request)).scheme == "https"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

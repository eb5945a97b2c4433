"""Sign-in at an identity provider: the way there, and the page that the browser comes back to."""

from __future__ import annotations

from aiohttp import hdrs, web

from model_sharing_protocol.errors import SharingError
from model_sharing_provider.domain.code_flow import AuthorizationAnswer
from model_sharing_provider.faces.explorer.rendering import render, see_elsewhere, see_other
from model_sharing_provider.faces.explorer.sessions import (
    check_encrypted,
    forget_pending_sign_in,
    pending_sign_in,
    set_pending_sign_in,
    set_session,
)
from model_sharing_provider.faces.explorer.sign_in import page_here
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Route
from model_sharing_provider.http.urls import EXPLORER_PREFIX, SIGN_IN_CALLBACK_PATH, base_url
from model_sharing_provider.services.registry.code_sign_in import SignedIn, UnknownIdentity


async def begin(request: web.Request) -> web.Response:
    """Redirect to the identity provider; whom another site sends here is asked first."""
    check_encrypted(request)
    wanted = request.query.get("next", "")
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return see_other(request, "sign-in", next=wanted)
    service = provider_of(request).code_sign_in
    try:
        url, pending = await service.begin(context_of(request), _redirect_uri(request), wanted)
    except SharingError as error:
        return _refused(request, error)
    response = see_elsewhere(url)
    set_pending_sign_in(request, response, pending)
    return response


async def finish(request: web.Request) -> web.Response:
    """Page that opens the one that was asked for, in a new session.

    A redirect would come without the new cookie: it is part of the way from another site, on which none that
    is SameSite=Strict is sent.
    """
    check_encrypted(request)
    service = provider_of(request).code_sign_in
    try:
        outcome = await service.finish(
            context_of(request), _redirect_uri(request), pending_sign_in(request), _answer(request)
        )
    except SharingError as error:
        response = _refused(request, error)
    else:
        response = _arrived(request, outcome)
    forget_pending_sign_in(request, response)
    return response


def _arrived(request: web.Request, outcome: SignedIn | UnknownIdentity) -> web.Response:
    if isinstance(outcome, UnknownIdentity):
        return render(
            request,
            "unknown_identity.html",
            status=403,
            identity_provider=outcome.provider,
            subject=outcome.subject,
        )
    response = render(request, "open_again.html", wanted=page_here(request, outcome.wanted))
    set_session(request, response, outcome.session)
    return response


def _refused(request: web.Request, error: SharingError) -> web.Response:
    status, _ = UNITY_CATALOG_ERRORS.look_up(error.row)
    response = render(request, "sign_in_refused.html", status=status, message=error.message)
    if error.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(error.retry_after)
    return response


def _redirect_uri(request: web.Request) -> str:
    """Redirect URI, from the public URL, which is set where an identity provider is."""
    return base_url(request) + SIGN_IN_CALLBACK_PATH


def _answer(request: web.Request) -> AuthorizationAnswer:
    """Answer in the query. With a parameter twice, it has no one meaning, and is taken as an empty one."""
    given = {name: request.query.getall(name, []) for name in ("code", "state", "iss", "error")}
    repeated = any(len(texts) > 1 for texts in given.values())
    texts = {name: texts[0] if texts and not repeated else "" for name, texts in given.items()}
    return AuthorizationAnswer(
        code=texts["code"], state=texts["state"], issuer=texts["iss"], error=texts["error"]
    )


ROUTES = (
    # A program that only looks, by HEAD, neither begins a sign-in nor uses a code up.
    Route("GET", f"{EXPLORER_PREFIX}/sign-in/begin", begin, allow_head=False, undocumented="for people"),
    Route("GET", SIGN_IN_CALLBACK_PATH, finish, allow_head=False, undocumented="for people"),
)

"""Activation page: what a link offers, and the button that uses it. Reading the page does not."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import open_sharing
from model_sharing_protocol.errors import (
    ActivationLinkUsed,
    NotFound,
    PermissionDenied,
    SharingError,
    UnsupportedOperation,
)
from model_sharing_protocol.network.plain_http import travels_in_clear
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.sharing import MODELS_COUNTED, ActivationOffer
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import render
from model_sharing_provider.http.errors import OPEN_SHARING_ERRORS
from model_sharing_provider.http.link_previews import is_program
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import SECRET_URL, profile_response
from model_sharing_provider.http.urls import ACTIVATION_PAGE_PATH, activation_code, activation_link, base_url

_GONE = 410
_SAME_ORIGIN = "same-origin"


async def show(request: web.Request) -> web.Response:
    """Page of a link: what it offers; or that it was used, has expired, or cannot be used from here."""
    if is_program(request):
        return _for_programs(request)
    try:
        offer = await provider_of(request).activation_links.offer(
            context_of(request), activation_code(request)
        )
    except (NotFound, PermissionDenied) as error:
        response = _refused(request, error)
    else:
        response = _page(request, offer)
    response.headers.update(SECRET_URL)
    return response


async def activate(request: web.Request) -> web.Response:
    """Profile file, as a download; the link is used up.

    The code authorizes, so that another site can win nothing by sending the form; it could use a link up.
    """
    if request.headers.get("Sec-Fetch-Site", _SAME_ORIGIN) != _SAME_ORIGIN:
        return await show(request)
    links, endpoint = provider_of(request).activation_links, base_url(request) + open_sharing.PREFIX
    try:
        return profile_response(await links.activate(context_of(request), activation_code(request), endpoint))
    except (ActivationLinkUsed, NotFound, PermissionDenied):
        return await show(request)  # it says more, such as since when


def _page(request: web.Request, offer: ActivationOffer) -> web.Response:
    ended = offer.token.activated_at is not None or offer.token.expires_at <= now_ms()
    return render(
        request,
        "activation_ended.html" if ended else "activation.html",
        status=_GONE if ended else 200,
        code=activation_code(request),
        offer=offer,
        most=MODELS_COUNTED,
        fingerprint=provider_of(request).signing.fingerprint,
        in_clear=travels_in_clear(base_url(request)),
    )


def _refused(request: web.Request, error: SharingError) -> web.Response:
    status, _ = OPEN_SHARING_ERRORS.look_up(error.row)
    elsewhere = isinstance(error, PermissionDenied)
    return render(
        request,
        "activation_refused.html",
        status=status,
        title="Not from this network" if elsewhere else "This link is not known here",
        message=error.message if elsewhere else "No activation link of this provider has this address.",
        remedy="The link was not used. Open it from a network that the provider has listed for you."
        if elsewhere
        else "Copy the whole link again, or ask the provider for a new one.",
    )


def _for_programs(request: web.Request) -> web.Response:
    """Error for a program, such as a client of the first release, which cannot read a page."""
    link = activation_link(base_url(request), activation_code(request), pages=False)
    return OPEN_SHARING_ERRORS.response(
        UnsupportedOperation(
            f"This link is a page for a browser. For programs, and model-sharing 0.1.0, it is {link}."
        )
    )


ROUTES = (
    page(f"{ACTIVATION_PAGE_PATH}/{{code:.+}}", show),
    form(f"{ACTIVATION_PAGE_PATH}/{{code:.+}}", activate),
)

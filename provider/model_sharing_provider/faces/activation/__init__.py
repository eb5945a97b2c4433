"""Activation face: a link is exchanged once, for the profile file, and its code is the only credential.

Source: Unity Catalog REST, `public/data_sharing_activation` and `public/data_sharing_activation_info`. There,
a GET uses a link up. It does here for programs alone, since browsers, chats and mail scanners open links that
nobody clicked; POST, an extension, does for everybody.
"""

from __future__ import annotations

import msgspec
from aiohttp import hdrs, web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.errors import (
    ActivationLinkUsed,
    InvalidParameter,
    NotFound,
    PermissionDenied,
    UnsupportedOperation,
)
from model_sharing_provider.faces.activation.page import link_page
from model_sharing_provider.http.application_values import application_of
from model_sharing_provider.http.errors import OPEN_SHARING_ERRORS
from model_sharing_provider.http.link_previews import is_program, wants_page
from model_sharing_provider.http.parameter_schemas import NOT_EMPTY
from model_sharing_provider.http.requests import SERVES_PAGES, context_of, provider_of
from model_sharing_provider.http.responses import SECRET_URL, json_response, profile_response
from model_sharing_provider.http.routes import Face, Route
from model_sharing_provider.http.urls import ACTIVATION_PREFIX, activation_code, activation_link, base_url

_ERRORS = (InvalidParameter, PermissionDenied, NotFound)
_PATH = "/data_sharing_activation/{code:.+}"


class ProfileFile(msgspec.Struct, rename="camel"):
    """Profile file, which an activation link returns once."""

    share_credentials_version: int
    endpoint: str
    bearer_token: str
    expiration_time: str


async def activate(request: web.Request) -> web.Response:
    """Profile file with a new token; the link is used up."""
    endpoint = base_url(request) + wire.PREFIX
    profile = await provider_of(request).activation_links.activate(
        context_of(request), activation_code(request), endpoint
    )
    return profile_response(profile)


async def open_link(request: web.Request) -> web.Response:
    """Profile file for a program; for a browser the page with the button, which reading does not use up.

    Raises UnsupportedOperation for what may be a preview, and accepts no page.
    """
    if is_program(request):
        return await activate(request)
    if not wants_page(request):
        raise UnsupportedOperation(
            "Opening this link does not activate it, since previews in chats and mails open links, too. "
            "Activate it by POST, or with 'model-sharing activate'; a GET needs 'Accept: application/json'."
        )
    if application_of(request)[SERVES_PAGES]:
        location = activation_link(base_url(request), activation_code(request), pages=True)
        return web.Response(status=303, headers={hdrs.LOCATION: location, **SECRET_URL})
    return await link_page(request)


async def activation_info(request: web.Request) -> web.Response:
    """Recipient and expiry of a link, and whether it was used."""
    recipient, token = await provider_of(request).activation_links.info(
        context_of(request), activation_code(request)
    )
    used = token.activated_at is not None
    return json_response(wire.ActivationInfo(recipient, used, token.expires_at), wire.JSON)


FACE = Face(
    name="activation",
    prefix=ACTIVATION_PREFIX,
    authentication=None,
    errors=OPEN_SHARING_ERRORS,
    documented_in="open-sharing",
    parameters={"code": NOT_EMPTY},
    routes=(
        Route(
            "GET",
            "/data_sharing_activation_info/{code:.+}",
            activation_info,
            "Recipient and expiry of an activation link, without using it up",
            wire.ActivationInfo,
            errors=_ERRORS,
            allow_head=False,
        ),
        Route(
            "GET",
            _PATH,
            open_link,
            "The profile file, once, for programs; browsers get a page, which does not use the link up",
            ProfileFile,
            errors=(*_ERRORS, ActivationLinkUsed),
            allow_head=False,
        ),
        Route(
            "POST",
            _PATH,
            activate,
            "EXTENSION: the profile file, once",
            ProfileFile,
            errors=(*_ERRORS, ActivationLinkUsed),
        ),
    ),
)

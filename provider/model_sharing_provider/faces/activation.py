"""Activation face: a link is opened once, for the profile file, and its code is the only credential.

Source: Unity Catalog REST, `public/data_sharing_activation` and `public/data_sharing_activation_info`.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.errors import ActivationLinkUsed, InvalidParameter, NotFound, PermissionDenied
from model_sharing_provider.http.errors import OPEN_SHARING_ERRORS
from model_sharing_provider.http.parameter_schemas import NOT_EMPTY
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import NO_STORE, json_response
from model_sharing_provider.http.routes import Face, Route
from model_sharing_provider.http.urls import ACTIVATION_PREFIX, base_url

_ERRORS = (InvalidParameter, PermissionDenied, NotFound)


class ProfileFile(msgspec.Struct, rename="camel"):
    """Profile file, which an activation link returns once."""

    share_credentials_version: int
    endpoint: str
    bearer_token: str
    expiration_time: str


async def activate(request: web.Request) -> web.Response:
    """Profile file with a new token; the link is used up."""
    endpoint = base_url(request) + wire.PREFIX
    profile = await provider_of(request).recipients.activate(context_of(request), _code(request), endpoint)
    disposition = {"Content-Type": wire.JSON, "Content-Disposition": 'attachment; filename="config.share"'}
    return web.Response(body=profile.to_json(), headers={**disposition, **NO_STORE})


async def activation_info(request: web.Request) -> web.Response:
    """Recipient and expiry of a link, and whether it was used."""
    recipient, token = await provider_of(request).recipients.activation_info(
        context_of(request), _code(request)
    )
    used = token.activated_at is not None
    return json_response(wire.ActivationInfo(recipient, used, token.expires_at), wire.JSON)


def _code(request: web.Request) -> str:
    """Activation code: the last segment of the path, since people also paste whole links in its place."""
    return request.match_info["code"].rstrip("/").rpartition("/")[2]


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
            "/data_sharing_activation/{code:.+}",
            activate,
            "The profile file, once",
            ProfileFile,
            errors=(*_ERRORS, ActivationLinkUsed),
            allow_head=False,
        ),
    ),
)

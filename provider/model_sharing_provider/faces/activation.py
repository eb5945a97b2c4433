"""Activation links: open one, once, and get the profile file. No token is asked for; the code is the secret.

Source: Unity Catalog REST, `public/data_sharing_activation` and `public/data_sharing_activation_info`.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_provider.http.errors import render_open_sharing
from model_sharing_provider.http.middlewares import render_errors
from model_sharing_provider.http.requests import base_url, context_of, provider_of
from model_sharing_provider.http.responses import json_response

FACE = "activation"


def make_app() -> web.Application:
    app = web.Application(middlewares=[render_errors(render_open_sharing)])
    app.add_routes(
        [
            web.get("/data_sharing_activation_info/{code:.+}", activation_info, allow_head=False),
            web.get("/data_sharing_activation/{code:.+}", activate, allow_head=False),
        ]
    )
    return app


async def activate(request: web.Request) -> web.Response:
    endpoint = base_url(request) + wire.PREFIX
    profile = await provider_of(request).recipients.activate(
        context_of(request, FACE), _code(request), endpoint
    )
    return web.Response(
        body=profile.to_json(),
        headers={
            "Content-Type": wire.JSON,
            "Content-Disposition": 'attachment; filename="config.share"',
            "Cache-Control": "no-store",
        },
    )


async def activation_info(request: web.Request) -> web.Response:
    recipient, token = await provider_of(request).recipients.activation_info(
        context_of(request, FACE), _code(request)
    )
    body = wire.ActivationInfo(
        recipient=recipient, used=token.activated_at is not None, expiration_time=token.expires_at
    )
    return json_response(body, wire.JSON)


def _code(request: web.Request) -> str:
    """People paste whole links where only the code is asked for: the code is the last part of either."""
    return request.match_info["code"].rstrip("/").rpartition("/")[2]

"""What the Databricks SDK asks of a workspace around the catalog: who am I, and how do I authenticate here.

Source: `/.well-known/databricks-config` and SCIM `Me`, as `databricks.sdk` 0.156 calls them.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.http.authentication import authenticate_principals
from model_sharing_provider.http.errors import render_unity_catalog
from model_sharing_provider.http.middlewares import render_errors
from model_sharing_provider.http.requests import base_url, context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.workspace_id import WORKSPACE_ID

SCIM_PREFIX = "/api/2.0/preview/scim/v2"
FACE = "workspace"


def make_app() -> web.Application:
    app = web.Application(middlewares=[render_errors(render_unity_catalog), authenticate_principals(FACE)])
    app.router.add_get("/Me", who_am_i)
    return app


async def databricks_config(request: web.Request) -> web.Response:
    """Asked without a token before nearly every call of an SDK; there is no OIDC server behind it."""
    base = base_url(request)
    body = {"oidc_endpoint": f"{base}/oidc", "workspace_id": str(WORKSPACE_ID), "cloud": "aws"}
    return json_response(body, JSON)


async def who_am_i(request: web.Request) -> web.Response:
    context = context_of(request, FACE)
    principal = await provider_of(request).principals.who_am_i(context)
    return json_response(
        {
            "id": principal.id,
            "userName": principal.name,
            "displayName": principal.name,
            "active": True,
            "groups": [{"value": group.id, "display": group.name} for group in principal.groups],
        },
        JSON,
    )

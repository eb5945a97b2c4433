"""What the Databricks SDK asks of a workspace around the catalog: who am I, and how do I authenticate here.

Source: `/.well-known/databricks-config` and SCIM `Me`, as `databricks.sdk` 0.156 calls them.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.rest.authentication import authenticate_principals
from model_sharing_provider.rest.errors import render_unity_catalog
from model_sharing_provider.rest.middlewares import render_errors
from model_sharing_provider.rest.requests import base_url, context_of, json_answer, provider_of

SCIM_PREFIX = "/api/2.0/preview/scim/v2"
FACE = "workspace"
WORKSPACE_ID = 1


def make_app() -> web.Application:
    app = web.Application(middlewares=[render_errors(render_unity_catalog), authenticate_principals(FACE)])
    app.router.add_get("/Me", who_am_i)
    return app


async def databricks_config(request: web.Request) -> web.Response:
    """Asked without a token before nearly every call of an SDK; there is no OIDC server behind it."""
    base = base_url(request)
    body = {"oidc_endpoint": f"{base}/oidc", "workspace_id": str(WORKSPACE_ID), "cloud": "aws"}
    return json_answer(body, JSON)


async def who_am_i(request: web.Request) -> web.Response:
    context = context_of(request, FACE)
    principal = await provider_of(request).principals.who_am_i(context)
    return json_answer(
        {
            "id": principal.id,
            "userName": principal.name,
            "displayName": principal.name,
            "active": True,
            "groups": [{"value": group.id, "display": group.name} for group in principal.groups],
        },
        JSON,
    )

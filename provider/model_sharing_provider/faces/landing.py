"""Landing face: the root of the server sends people to the explorer, and tells machines what this is."""

from __future__ import annotations

import msgspec
from aiohttp import hdrs, web

from model_sharing_protocol import open_sharing, unity_catalog
from model_sharing_provider.http.application_values import application_of
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.requests import SERVES_PAGES
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Face, Route
from model_sharing_provider.http.urls import EXPLORER_PREFIX, base_url


class Landing(msgspec.Struct, omit_defaults=True):
    """What this server is, with the URLs of its APIs; `explorer` is left out where there are no pages."""

    service: str
    open_sharing: str
    unity_catalog: str
    hugging_face: str
    descriptions: str
    health: str
    explorer: str = ""


async def land(request: web.Request) -> web.Response:
    """Redirect to the explorer for a browser; the URLs of the APIs for everybody else."""
    base = base_url(request)
    explorer = base + EXPLORER_PREFIX if application_of(request)[SERVES_PAGES] else ""
    if explorer and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        return web.Response(status=303, headers={hdrs.LOCATION: explorer, hdrs.VARY: hdrs.ACCEPT})
    found = Landing(
        service="model-sharing",
        open_sharing=base + open_sharing.PREFIX,
        unity_catalog=base + unity_catalog.PREFIX,
        hugging_face=f"{base}/hf",
        descriptions=f"{base}/openapi/unity-catalog.json",
        health=f"{base}/health",
        explorer=explorer,
    )
    return json_response(found, unity_catalog.JSON, headers={hdrs.VARY: hdrs.ACCEPT})


FACE = Face(
    name="landing",
    prefix="",
    authentication=None,
    errors=UNITY_CATALOG_ERRORS,
    documented_in="unity-catalog",
    routes=(
        Route("GET", "/", land, "URLs of this server's APIs; browsers are sent to the explorer", Landing),
    ),
)

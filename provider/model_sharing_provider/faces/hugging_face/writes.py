"""Writes of the Hub's API, which are refused in words that `hf upload` shows."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import PermissionDenied
from model_sharing_protocol.hugging_face import paths
from model_sharing_provider.http.routes import Route


async def refuse(_request: web.Request) -> web.Response:
    raise PermissionDenied(
        "Repositories are read-only at this endpoint: the provider adds versions by "
        "'model-sharing-provider model register', or through Unity Catalog"
    )


ROUTES = tuple(
    Route(method, path, refuse, undocumented="Nothing is written at these endpoints.")
    for method, path in (
        ("POST", "/api/repos/create"),
        ("POST", "/api/repos/move"),
        ("DELETE", "/api/repos/delete"),
        ("POST", paths.MODEL + "/preupload/{revision}"),
        ("POST", paths.MODEL + "/commit/{revision}"),
    )
)

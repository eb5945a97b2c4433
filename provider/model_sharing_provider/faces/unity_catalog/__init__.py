"""The registry's face: Unity Catalog REST under `/api/2.1/unity-catalog`, as SDKs speak it.

Source: Unity Catalog REST 2.1; see `model_sharing_protocol.unity_catalog` for the messages.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.faces.unity_catalog import (
    catalogs,
    metastores,
    models,
    permissions,
    providers,
    recipients,
    shares,
    tags,
    versions,
)
from model_sharing_provider.faces.unity_catalog.requests import FACE
from model_sharing_provider.http.authentication import authenticate_principals
from model_sharing_provider.http.errors import render_unity_catalog
from model_sharing_provider.http.middlewares import render_errors


def make_app() -> web.Application:
    """The sub-application to mount under Unity Catalog's prefix."""
    app = web.Application(middlewares=[render_errors(render_unity_catalog), authenticate_principals(FACE)])
    for part in (catalogs, models, versions, tags, permissions, shares, recipients, providers, metastores):
        app.add_routes(part.ROUTES)
    return app

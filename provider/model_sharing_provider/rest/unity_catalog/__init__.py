"""The registry's face: Unity Catalog REST under `/api/2.1/unity-catalog`, as SDKs speak it.

Source: Unity Catalog REST 2.1; see `model_sharing_protocol.unity_catalog` for the messages.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.rest.authentication import authenticate_principals
from model_sharing_provider.rest.errors import render_unity_catalog
from model_sharing_provider.rest.middlewares import render_errors
from model_sharing_provider.rest.unity_catalog import (
    catalogs,
    grants,
    metastores,
    models,
    providers,
    recipients,
    shares,
    tags,
    versions,
)
from model_sharing_provider.rest.unity_catalog.requests import FACE


def make_app() -> web.Application:
    """The sub-application to mount under Unity Catalog's prefix."""
    app = web.Application(middlewares=[render_errors(render_unity_catalog), authenticate_principals(FACE)])
    for part in (catalogs, models, versions, tags, grants, shares, recipients, providers, metastores):
        app.add_routes(part.ROUTES)
    return app

"""OpenAPI descriptions of the faces, served to anybody at `/openapi/<face>.json`."""

from __future__ import annotations

from functools import cache, partial

import msgspec
from aiohttp import web

from model_sharing_provider.faces.openapi import files, mlflow_registry, open_sharing, unity_catalog
from model_sharing_provider.faces.openapi.document import document
from model_sharing_provider.http.errors import render_unity_catalog
from model_sharing_provider.http.middlewares import render_errors

PREFIX = "/openapi"
FACES = {
    "open-sharing": open_sharing.FACE,
    "unity-catalog": unity_catalog.FACE,
    "mlflow-registry": mlflow_registry.FACE,
    "files": files.FACE,
}


def make_app() -> web.Application:
    app = web.Application(middlewares=[render_errors(render_unity_catalog)])
    for name in FACES:
        app.router.add_get(f"/{name}.json", partial(describe, name))
    return app


async def describe(face: str, _request: web.Request) -> web.Response:
    return web.Response(body=_encoded(face), content_type="application/json")


@cache
def _encoded(face: str) -> bytes:
    return msgspec.json.encode(document(FACES[face]))

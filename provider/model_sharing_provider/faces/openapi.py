"""OpenAPI face: a document for each API at `/openapi/<face>.json`, public."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.openapi import document
from model_sharing_provider.http.routes import Face, Route

PREFIX = "/openapi"


def openapi_face(faces: Sequence[Face]) -> Face:
    """Face that serves the documents of the other `faces`."""
    return Face(
        name="openapi",
        prefix=PREFIX,
        authentication=None,
        errors=UNITY_CATALOG_ERRORS,
        routes=tuple(
            Route(
                "GET",
                f"/{face.name}.json",
                _send_document(face, faces),
                undocumented="Documents describe the APIs, not themselves.",
            )
            for face in faces
            if face.title
        ),
    )


def _send_document(head: Face, faces: Sequence[Face]) -> Handler:
    @cache
    def encoded() -> bytes:
        return msgspec.json.encode(document(head, faces))

    async def send(_request: web.Request) -> web.Response:
        return web.Response(body=encoded(), content_type="application/json")

    return send

"""Securables that this metastore has none of: empty lists, since Unity Catalog's pages ask for all kinds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import SchemaName, normalize_name
from model_sharing_provider.faces.unity_catalog.requests import message_response
from model_sharing_provider.http.parameter_schemas import NAME, PAGE
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Nothing, PageOf, Query, Route

_KINDS = ("tables", "volumes", "functions")


def _list_none(kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def list_none(request: web.Request) -> web.Response:
        catalog = normalize_name("catalog", request.query.get("catalog_name", ""))
        schema = SchemaName(catalog, normalize_name("schema", request.query.get("schema_name", "")))
        await provider_of(request).catalogs.get_schema(context_of(request), schema)
        empty: dict[str, Any] = {kind: []}
        return message_response(empty)

    return list_none


ROUTES = tuple(
    Route(
        "GET",
        f"/{kind}",
        _list_none(kind),
        f"The {kind} of a schema: none, this metastore holds models",
        PageOf(kind, Nothing),
        query=(Query("catalog_name", NAME, required=True), Query("schema_name", NAME, required=True), *PAGE),
        errors=(NotFound,),
    )
    for kind in _KINDS
)

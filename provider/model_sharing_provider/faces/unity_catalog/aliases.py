"""Aliases of registered models: `models/…/aliases`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_provider.faces.unity_catalog.requests import message_response, model_name
from model_sharing_provider.faces.unity_catalog.version_messages import version_response
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Nothing, Route


async def set_alias(request: web.Request) -> web.Response:
    body = await read_body(request, wire.SetAlias)
    name, alias = model_name(request), request.match_info["alias"]
    await provider_of(request).models.set_alias(context_of(request), name, alias, body.version_num)
    return message_response(
        wire.ModelAlias(
            alias_name=alias,
            version_num=body.version_num,
            model_name=name.name,
            catalog_name=name.catalog,
            schema_name=name.schema,
        )
    )


async def delete_alias(request: web.Request) -> web.Response:
    name, alias = model_name(request), request.match_info["alias"]
    await provider_of(request).models.delete_alias(context_of(request), name, alias)
    return message_response({})


async def get_version_by_alias(request: web.Request) -> web.Response:
    versions = provider_of(request).versions
    alias = request.match_info["alias"]
    return version_response(
        request, await versions.get_by_alias(context_of(request), model_name(request), alias)
    )


ROUTES = (
    Route(
        "PUT",
        "/models/{full_name}/aliases/{alias}",
        set_alias,
        "Point an alias at a version",
        wire.ModelAlias,
        wire.SetAlias,
    ),
    Route("DELETE", "/models/{full_name}/aliases/{alias}", delete_alias, "Delete an alias", Nothing),
    Route(
        "GET",
        "/models/{full_name}/aliases/{alias}",
        get_version_by_alias,
        "The version that an alias points at",
        wire.ModelVersionInfo,
    ),
)

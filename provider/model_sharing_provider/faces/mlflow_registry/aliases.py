"""Aliases of registered models: `registered-models/alias`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import mlflow_registry as wire
from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import FullName
from model_sharing_provider.faces.mlflow_registry.requests import (
    message_response,
    read_message,
    version_number,
)
from model_sharing_provider.faces.mlflow_registry.version_messages import version_response
from model_sharing_provider.http.parameter_schemas import MODEL_NAME, NAME
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Nothing, Query, Route


async def set_alias(request: web.Request) -> web.Response:
    body = await read_message(request, wire.SetAlias)
    name, number = FullName.parse(body.name), version_number(body.version)
    await provider_of(request).models.set_alias(context_of(request), name, body.alias, number)
    return message_response()


async def delete_alias(request: web.Request) -> web.Response:
    body = await read_message(request, wire.AliasRequest)
    await provider_of(request).models.delete_alias(context_of(request), FullName.parse(body.name), body.alias)
    return message_response()


async def get_by_alias(request: web.Request) -> web.Response:
    asked = await read_message(request, wire.AliasRequest)
    versions = provider_of(request).versions
    found = await versions.get_by_alias(context_of(request), FullName.parse(asked.name), asked.alias)
    return version_response(request, found)


ROUTES = (
    Route(
        "POST",
        "/registered-models/alias",
        set_alias,
        "Set an alias",
        Nothing,
        wire.SetAlias,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        "/registered-models/alias",
        delete_alias,
        "Delete an alias",
        Nothing,
        wire.AliasRequest,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/registered-models/alias",
        get_by_alias,
        "The version of an alias",
        wire.ModelVersionAnswer,
        query=(Query("name", MODEL_NAME, required=True), Query("alias", NAME, required=True)),
        errors=(NotFound,),
    ),
)

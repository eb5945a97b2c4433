"""Registered models and their tags: `registered-models/…`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import mlflow_registry as wire
from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, NotFound
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.securables import RegisteredModel
from model_sharing_provider.faces.mlflow_registry.requests import (
    message_response,
    read_message,
)
from model_sharing_provider.http.parameter_schemas import MODEL_NAME, PAGE
from model_sharing_provider.http.requests import context_of, page_request, provider_of
from model_sharing_provider.http.routes import Nothing, Query, Route
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate


async def create(request: web.Request) -> web.Response:
    body = await read_message(request, wire.CreateRegisteredModel)
    tags = {tag.key: tag.value for tag in body.tags}
    models = provider_of(request).models
    created = await models.create(context_of(request), FullName.parse(body.name), body.description, tags)
    return message_response(wire.RegisteredModelAnswer(_model(created)))


async def update(request: web.Request) -> web.Response:
    body = await read_message(request, wire.UpdateRegisteredModel)
    changes = SecurableUpdate(new_name=body.new_name, comment=body.description)
    updated = await provider_of(request).models.update(
        context_of(request), FullName.parse(body.name), changes
    )
    return message_response(wire.RegisteredModelAnswer(_model(updated)))


async def delete(request: web.Request) -> web.Response:
    body = await read_message(request, wire.ModelRequest)
    await provider_of(request).models.delete(context_of(request), FullName.parse(body.name))
    return message_response()


async def get(request: web.Request) -> web.Response:
    asked = await read_message(request, wire.ModelRequest)
    found = await provider_of(request).models.get(context_of(request), FullName.parse(asked.name))
    return message_response(wire.RegisteredModelAnswer(_model(found)))


async def search(request: web.Request) -> web.Response:
    """Models that the caller may read; without filter and order, as in Unity Catalog."""
    for parameter in ("filter", "filter_string", "order_by"):
        if request.query.get(parameter):
            raise InvalidParameter(
                f"{parameter} is not supported when registered models are searched; "
                "use get_registered_model to get one by name, or filter the results."
            )
    listing = "registered models"
    page = await provider_of(request).models.search(context_of(request), page_request(request, listing))
    return message_response(wire.RegisteredModels(tuple(map(_model, page.items)), page.token(listing) or ""))


async def set_tag(request: web.Request) -> web.Response:
    body = await read_message(request, wire.SetTag)
    change = TagChange(add={body.key: body.value})
    await provider_of(request).models.tag(context_of(request), FullName.parse(body.name), change)
    return message_response()


async def delete_tag(request: web.Request) -> web.Response:
    body = await read_message(request, wire.DeleteTag)
    change = TagChange(remove=[body.key])
    await provider_of(request).models.tag(context_of(request), FullName.parse(body.name), change)
    return message_response()


_NAME = Query("name", MODEL_NAME, required=True)

ROUTES = (
    Route(
        "POST",
        "/registered-models/create",
        create,
        "New registered model",
        wire.RegisteredModelAnswer,
        wire.CreateRegisteredModel,
        errors=(NotFound, AlreadyExists),
    ),
    Route(
        "PATCH",
        "/registered-models/update",
        update,
        "Rename or describe a model",
        wire.RegisteredModelAnswer,
        wire.UpdateRegisteredModel,
        errors=(NotFound, AlreadyExists),
    ),
    Route(
        "DELETE",
        "/registered-models/delete",
        delete,
        "Delete a model",
        Nothing,
        wire.ModelRequest,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/registered-models/get",
        get,
        "A model",
        wire.RegisteredModelAnswer,
        query=(_NAME,),
        errors=(NotFound,),
    ),
    Route("GET", "/registered-models/search", search, "All models", wire.RegisteredModels, query=PAGE),
    Route(
        "POST",
        "/registered-models/set-tag",
        set_tag,
        "Set a tag of a model",
        Nothing,
        wire.SetTag,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        "/registered-models/delete-tag",
        delete_tag,
        "Remove a tag",
        Nothing,
        wire.DeleteTag,
        errors=(NotFound,),
    ),
)


def _model(model: RegisteredModel) -> wire.RegisteredModel:
    return wire.RegisteredModel(
        name=str(model.full_name),
        creation_timestamp=model.created_at,
        last_updated_timestamp=model.updated_at,
        user_id=model.owner,
        description=model.comment,
        aliases=tuple(wire.Alias(alias, str(number)) for alias, number in model.aliases.items()),
        tags=tuple(wire.KeyValue(key, value) for key, value in model.tags.items()),
    )

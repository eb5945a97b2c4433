"""Registered models: `models`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, NotFound
from model_sharing_protocol.model_formats import parse_format
from model_sharing_protocol.names import SchemaName, normalize_name
from model_sharing_protocol.unity_catalog_extensions import SummaryInfo
from model_sharing_provider.domain.securables import ANY_MODEL, ModelFilter, RegisteredModel
from model_sharing_provider.faces.unity_catalog.requests import (
    aliases,
    check_unchanged,
    full_name_of,
    given_aliases,
    message_response,
    model_name,
    page_response,
    refuse_storage_location,
    tags,
)
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import BOOLEAN, NAME, PAGE
from model_sharing_provider.http.requests import context_of, flag, page_request, provider_of
from model_sharing_provider.http.routes import Nothing, PageOf, Query, Route
from model_sharing_provider.http.version_fields import format_fields
from model_sharing_provider.services.registry.updates import SecurableUpdate


async def create_model(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateRegisteredModel)
    refuse_storage_location(body.storage_location)
    name = full_name_of(body.catalog_name, body.schema_name, body.name)
    if body.aliases:
        raise InvalidParameter("A new model has no version that an alias could point at; create one first.")
    tags_set = {tag.key: tag.value for tag in body.tags}
    models = provider_of(request).models
    return message_response(_model(await models.create(context_of(request), name, body.comment, tags_set)))


async def list_models(request: web.Request) -> web.Response:
    """Models of a schema, of a catalog, or all that the caller may read."""
    catalog, schema = request.query.get("catalog_name", ""), request.query.get("schema_name", "")
    models, wanted = provider_of(request).models, _filter(request)
    if schema:
        if wanted != ANY_MODEL:
            raise InvalidParameter("format and license search in all schemas; leave out schema_name.")
        if not catalog:
            raise InvalidParameter("schema_name needs catalog_name; give both.")
        schema_name = SchemaName(normalize_name("catalog", catalog), normalize_name("schema", schema))
        listing = f"models of {schema_name}"
        page = await models.page(context_of(request), schema_name, page_request(request, listing))
    else:
        listing = f"models of {catalog} {wanted.format or ''} {wanted.license}".strip()
        asked = page_request(request, listing)
        if catalog:
            page = await models.search_catalog(context_of(request), asked, catalog, wanted)
        else:
            page = await models.search(context_of(request), asked, wanted)
    return page_response("registered_models", listing, page, _model)


def _filter(request: web.Request) -> ModelFilter:
    """Filter of models: EXTENSION. Raises InvalidParameter for a format that there is not."""
    named = request.query.get("format", "")
    return ModelFilter(
        format=parse_format(named) if named else None, license=request.query.get("license", "")
    )


async def get_model(request: web.Request) -> web.Response:
    return message_response(
        _model(await provider_of(request).models.get(context_of(request), model_name(request)))
    )


async def update_model(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UpdateRegisteredModel)
    changes = SecurableUpdate(new_name=body.new_name, comment=body.comment, owner=body.owner)
    name, models = model_name(request), provider_of(request).models
    fixed = ("name", "catalog_name", "schema_name", "storage_location", "created_at", "created_by")
    if any(getattr(body, field) is not None for field in fixed):
        check_unchanged(body, _model(await models.get(context_of(request), name)), *fixed)
    aliases_set = given_aliases(body.aliases, name)
    return message_response(_model(await models.update(context_of(request), name, changes, aliases_set)))


async def delete_model(request: web.Request) -> web.Response:
    force = flag(request, "force", default=True)
    await provider_of(request).models.delete(context_of(request), model_name(request), force=force)
    return message_response({})


ROUTES = (
    Route(
        "POST",
        "/models",
        create_model,
        "New registered model",
        wire.RegisteredModelInfo,
        wire.CreateRegisteredModel,
        errors=(NotFound, AlreadyExists),
    ),
    Route(
        "GET",
        "/models",
        list_models,
        "Registered models: all, of a catalog or of a schema",
        PageOf("registered_models", wire.RegisteredModelInfo),
        query=(
            Query("catalog_name", NAME),
            Query("schema_name", NAME),
            Query("format", NAME),
            Query("license", NAME),
            *PAGE,
        ),
        errors=(NotFound,),
    ),
    Route("GET", "/models/{full_name}", get_model, "A registered model", wire.RegisteredModelInfo),
    Route(
        "PATCH",
        "/models/{full_name}",
        update_model,
        "Change a registered model",
        wire.RegisteredModelInfo,
        wire.UpdateRegisteredModel,
        errors=(AlreadyExists,),
    ),
    Route(
        "DELETE",
        "/models/{full_name}",
        delete_model,
        "Delete a model; unless force is false, with its versions",
        Nothing,
        query=(Query("force", BOOLEAN),),
    ),
)


def _model(model: RegisteredModel) -> wire.RegisteredModelInfo:
    name = model.full_name
    return wire.RegisteredModelInfo(
        name=name.name,
        catalog_name=name.catalog,
        schema_name=name.schema,
        full_name=str(name),
        comment=model.comment,
        owner=model.owner,
        id=model.id,
        aliases=aliases(model.aliases.items()),
        tags=tags(model.tags),
        storage_location=f"urn:uuid:{model.id}",
        created_at=model.created_at,
        updated_at=model.updated_at,
        created_by=model.created_by,
        updated_by=model.updated_by,
        **format_fields(model, SummaryInfo),
    )

"""`models`: registered models, their versions and aliases."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol.errors import InvalidParameter, UnsupportedOperation
from model_sharing_protocol.names import FullName, SchemaName, normalize_name, parse_version
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel
from model_sharing_provider.rest.bodies import read_body
from model_sharing_provider.rest.requests import provider_of
from model_sharing_provider.rest.unity_catalog.requests import (
    aliases,
    answer,
    answer_page,
    context,
    model_name,
    page_request,
)


async def create_model(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateRegisteredModel)
    name = FullName(
        normalize_name("catalog", body.catalog_name),
        normalize_name("schema", body.schema_name),
        normalize_name("model", body.name),
    )
    return answer(_model(await provider_of(request).models.create(context(request), name, body.comment)))


async def list_models(request: web.Request) -> web.Response:
    parts = request.query.get("catalog_name", ""), request.query.get("schema_name", "")
    if not all(parts):
        raise InvalidParameter("Models are listed by schema: give catalog_name and schema_name.")
    schema = SchemaName(normalize_name("catalog", parts[0]), normalize_name("schema", parts[1]))
    listing = f"models of {schema}"
    page = await provider_of(request).models.page(context(request), schema, page_request(request, listing))
    return answer_page("registered_models", listing, page, _model)


async def get_model(request: web.Request) -> web.Response:
    return answer(_model(await provider_of(request).models.get(context(request), model_name(request))))


async def update_model(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UpdateRegisteredModel)
    if body.new_name is not None or body.owner is not None:
        raise UnsupportedOperation("A model's name and owner cannot be changed yet; its comment can.")
    models = provider_of(request).models
    return answer(_model(await models.update(context(request), model_name(request), body.comment or "")))


async def delete_model(request: web.Request) -> web.Response:
    await provider_of(request).models.delete(context(request), model_name(request))
    return answer({})


async def set_alias(request: web.Request) -> web.Response:
    body = await read_body(request, wire.SetAlias)
    name, alias = model_name(request), request.match_info["alias"]
    await provider_of(request).models.set_alias(context(request), name, alias, body.version_num)
    return answer(
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
    await provider_of(request).models.delete_alias(context(request), name, alias)
    return answer({})


async def list_versions(request: web.Request) -> web.Response:
    name = model_name(request)
    listing = f"versions of {name}"
    models = provider_of(request).models
    page = await models.page_versions(context(request), name, page_request(request, listing))
    return answer_page("model_versions", listing, page, _version)


async def get_version(request: web.Request) -> web.Response:
    number = parse_version(request.match_info["version"])
    models = provider_of(request).models
    return answer(_version(await models.get_version(context(request), model_name(request), number)))


async def get_version_by_alias(request: web.Request) -> web.Response:
    models = provider_of(request).models
    alias = request.match_info["alias"]
    found = await models.get_version_by_alias(context(request), model_name(request), alias)
    return answer(_version(found))


async def update_version(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UpdateModelVersion)
    number = parse_version(request.match_info["version"])
    models = provider_of(request).models
    updated = await models.update_version(context(request), model_name(request), number, body.comment or "")
    return answer(_version(updated))


async def delete_version(request: web.Request) -> web.Response:
    number = parse_version(request.match_info["version"])
    await provider_of(request).models.delete_version(context(request), model_name(request), number)
    return answer({})


ROUTES = [
    web.post("/models", create_model),
    web.get("/models", list_models),
    web.get("/models/{full_name}", get_model),
    web.patch("/models/{full_name}", update_model),
    web.delete("/models/{full_name}", delete_model),
    web.put("/models/{full_name}/aliases/{alias}", set_alias),
    web.get("/models/{full_name}/aliases/{alias}", get_version_by_alias),
    web.delete("/models/{full_name}/aliases/{alias}", delete_alias),
    web.get("/models/{full_name}/versions", list_versions),
    web.get("/models/{full_name}/versions/{version}", get_version),
    web.patch("/models/{full_name}/versions/{version}", update_version),
    web.delete("/models/{full_name}/versions/{version}", delete_version),
]


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
        storage_location=f"urn:uuid:{model.id}",
        created_at=model.created_at,
        updated_at=model.updated_at,
    )


def _version(version: ModelVersion) -> wire.ModelVersionInfo:
    name = version.full_name
    return wire.ModelVersionInfo(
        model_name=name.name,
        catalog_name=name.catalog,
        schema_name=name.schema,
        version=version.version,
        status=version.status.value,
        comment=version.comment,
        source=version.source,
        run_id=version.run_id,
        id=version.id,
        aliases=aliases((alias, version.version) for alias in version.aliases),
        storage_location=f"urn:uuid:{version.id}",
        created_at=version.created_at,
        created_by=version.created_by,
    )

"""Model versions, their tags and lineage: `model-versions/…`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import mlflow_registry as wire
from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.faces.mlflow_registry.requests import (
    VERSION_QUERY,
    message_response,
    read_message,
    requested_version,
    version_number,
)
from model_sharing_provider.faces.mlflow_registry.version_messages import version_response
from model_sharing_provider.http.databricks_headers import lineage_from_header
from model_sharing_provider.http.requests import context_of, provider_of, request_digest
from model_sharing_provider.http.routes import Nothing, Route
from model_sharing_provider.services.registry.tags import TagChange


async def create(request: web.Request) -> web.Response:
    body = await read_message(request, wire.CreateModelVersion)
    new = NewVersion(
        source=body.source,
        run_id=body.run_id,
        comment=body.description,
        logged_model_id=body.model_id,
        tags={tag.key: tag.value for tag in body.tags},
        lineage=lineage_from_header(request),
    )
    uploads = provider_of(request).uploads
    digest = await request_digest(request)
    return version_response(
        request, await uploads.create(context_of(request), FullName.parse(body.name), new, digest)
    )


async def finalize(request: web.Request) -> web.Response:
    name, number = await requested_version(request)
    finalization = provider_of(request).finalization
    return version_response(request, await finalization.finalize(context_of(request), name, number))


async def update(request: web.Request) -> web.Response:
    body = await read_message(request, wire.UpdateModelVersion)
    name, number = FullName.parse(body.name), version_number(body.version)
    versions = provider_of(request).versions
    if body.description is None:
        return version_response(request, await versions.get(context_of(request), name, number))
    return version_response(
        request, await versions.update(context_of(request), name, number, body.description)
    )


async def delete(request: web.Request) -> web.Response:
    name, number = await requested_version(request)
    await provider_of(request).versions.delete(context_of(request), name, number)
    return message_response()


async def get(request: web.Request) -> web.Response:
    name, number = await requested_version(request)
    return version_response(
        request, await provider_of(request).versions.get(context_of(request), name, number)
    )


async def set_tag(request: web.Request) -> web.Response:
    body = await read_message(request, wire.SetVersionTag)
    name, number = FullName.parse(body.name), version_number(body.version)
    change = TagChange(add={body.key: body.value})
    await provider_of(request).versions.tag(context_of(request), name, number, change)
    return message_response()


async def delete_tag(request: web.Request) -> web.Response:
    body = await read_message(request, wire.DeleteVersionTag)
    name, number = FullName.parse(body.name), version_number(body.version)
    change = TagChange(remove=[body.key])
    await provider_of(request).versions.tag(context_of(request), name, number, change)
    return message_response()


async def emit_lineage(request: web.Request) -> web.Response:
    body = await read_message(request, wire.EmitLineage)
    name, number = FullName.parse(body.name), version_number(body.version)
    info = body.model_version_lineage_info
    payload = {"entities": list(info.entities), "securable": body.securable}
    lineage = provider_of(request).lineage
    await lineage.emit(context_of(request), name, number, info.direction, payload)
    return message_response()


ROUTES = (
    Route(
        "POST",
        "/model-versions/create",
        create,
        "New version, to upload files to",
        wire.ModelVersionAnswer,
        wire.CreateModelVersion,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        "/model-versions/finalize",
        finalize,
        "Make a version READY",
        wire.ModelVersionAnswer,
        wire.VersionRequest,
        errors=(NotFound,),
    ),
    Route(
        "PATCH",
        "/model-versions/update",
        update,
        "Update the description of a version",
        wire.ModelVersionAnswer,
        wire.UpdateModelVersion,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        "/model-versions/delete",
        delete,
        "Delete a version",
        Nothing,
        wire.VersionRequest,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/model-versions/get",
        get,
        "A version",
        wire.ModelVersionAnswer,
        query=VERSION_QUERY,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        "/model-versions/set-tag",
        set_tag,
        "Set a tag of a version",
        Nothing,
        wire.SetVersionTag,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        "/model-versions/delete-tag",
        delete_tag,
        "Remove a tag of a version",
        Nothing,
        wire.DeleteVersionTag,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        "/model-versions/emit-lineage",
        emit_lineage,
        "Record lineage of a version",
        Nothing,
        wire.EmitLineage,
        errors=(NotFound,),
    ),
)

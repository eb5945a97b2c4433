"""Versions of registered models, from their creation to their lineage: `models/…/versions`."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.lineage import LineageRecord
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.faces.unity_catalog.requests import (
    check_unchanged,
    full_name_of,
    given_aliases,
    message_response,
    model_name,
    page_response,
    version_number,
)
from model_sharing_provider.faces.unity_catalog.version_messages import version_message, version_response
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.databricks_headers import lineage_from_header
from model_sharing_provider.http.parameter_schemas import PAGE
from model_sharing_provider.http.requests import context_of, page_request, provider_of, request_digest
from model_sharing_provider.http.responses import NO_STORE
from model_sharing_provider.http.routes import Nothing, PageOf, Route
from model_sharing_provider.http.temporary_credentials import credentials_for


async def create_version(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CreateModelVersion)
    new = NewVersion(
        source=body.source,
        run_id=body.run_id,
        comment=body.comment,
        logged_model_id=body.model_id,
        tags={tag.key: tag.value for tag in body.tags},
        lineage=lineage_from_header(request),
    )
    name = full_name_of(body.catalog_name, body.schema_name, body.model_name)
    uploads = provider_of(request).uploads
    created = await uploads.create(context_of(request), name, new, await request_digest(request))
    return version_response(request, created)


async def finalize_version(request: web.Request) -> web.Response:
    finalization = provider_of(request).finalization
    number = version_number(request)
    finalized = await finalization.finalize(context_of(request), model_name(request), number, any_format=True)
    return version_response(request, finalized)


async def list_versions(request: web.Request) -> web.Response:
    name = model_name(request)
    listing = f"versions of {name}"
    versions = provider_of(request).versions
    page = await versions.page(context_of(request), name, page_request(request, listing))
    return page_response("model_versions", listing, page, partial(version_message, request))


async def get_version(request: web.Request) -> web.Response:
    versions = provider_of(request).versions
    number = version_number(request)
    found = await versions.get(context_of(request), model_name(request), number)
    return version_response(request, found)


async def update_version(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UpdateModelVersion)
    versions = provider_of(request).versions
    name, number = model_name(request), version_number(request)
    aliases_set = given_aliases(body.aliases, name)
    if any(version != number for version in aliases_set.values()):
        raise InvalidParameter(f"An alias in the update of version {number} is given for another version.")
    known = version_message(request, await versions.get(context_of(request), name, number))
    check_unchanged(body, known, *_FIXED)
    if body.comment is None and not aliases_set:
        return message_response(known)
    updated = await versions.update(context_of(request), name, number, body.comment, list(aliases_set))
    return version_response(request, updated)


async def delete_version(request: web.Request) -> web.Response:
    versions = provider_of(request).versions
    await versions.delete(context_of(request), model_name(request), version_number(request))
    return message_response({})


async def copy_version(request: web.Request) -> web.Response:
    body = await read_body(request, wire.CopyModelVersion)
    copies = provider_of(request).copies
    destination = FullName.parse(body.destination)
    number = version_number(request)
    copied = await copies.copy(context_of(request), model_name(request), number, destination)
    return version_response(request, copied)


async def get_lineage(request: web.Request) -> web.Response:
    lineage = provider_of(request).lineage
    number = version_number(request)
    records = await lineage.of_version(context_of(request), model_name(request), number)
    return message_response(wire.VersionLineage(tuple(map(_lineage, records))))


async def temporary_credentials(request: web.Request) -> web.Response:
    body = await read_body(request, wire.TemporaryCredentialsRequest)
    name = full_name_of(body.catalog_name, body.schema_name, body.model_name)
    credentials = await credentials_for(request, context_of(request), name, body.version, body.operation)
    return message_response(credentials, NO_STORE)


_FIXED = (
    *("model_name", "catalog_name", "schema_name", "id", "status", "storage_location"),
    *("created_at", "created_by"),
)


def _lineage(record: LineageRecord) -> wire.LineageInfo:
    return wire.LineageInfo(
        direction=record.direction,
        recorded_at=record.recorded_at,
        recorded_by=record.recorded_by,
        payload=dict(record.payload),
    )


ROUTES = (
    Route(
        "POST",
        "/models/versions",
        create_version,
        "New version, to upload files to",
        wire.ModelVersionInfo,
        wire.CreateModelVersion,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/models/{full_name}/versions",
        list_versions,
        "The versions of a model",
        PageOf("model_versions", wire.ModelVersionInfo),
        query=PAGE,
    ),
    Route("GET", "/models/{full_name}/versions/{version}", get_version, "A version", wire.ModelVersionInfo),
    Route(
        "PATCH",
        "/models/{full_name}/versions/{version}",
        update_version,
        "Change a version",
        wire.ModelVersionInfo,
        wire.UpdateModelVersion,
    ),
    Route("DELETE", "/models/{full_name}/versions/{version}", delete_version, "Delete a version", Nothing),
    Route(
        "PATCH",
        "/models/{full_name}/versions/{version}/finalize",
        finalize_version,
        "Make a version READY",
        wire.ModelVersionInfo,
    ),
    Route(
        "POST",
        "/models/{full_name}/versions/{version}/copy",
        copy_version,
        "EXTENSION: copy a version on the server",
        wire.ModelVersionInfo,
        wire.CopyModelVersion,
    ),
    Route(
        "GET",
        "/models/{full_name}/versions/{version}/lineage",
        get_lineage,
        "EXTENSION: a version's lineage",
        wire.VersionLineage,
    ),
    Route(
        "POST",
        "/temporary-model-version-credentials",
        temporary_credentials,
        "Credentials to read or write a version's files",
        wire.TemporaryCredentials,
        wire.TemporaryCredentialsRequest,
        errors=(NotFound,),
    ),
)

"""Model versions, their files, tags and lineage: `model-versions/…`."""

from __future__ import annotations

import re

from aiohttp import web

from model_sharing_protocol import mlflow_registry as wire
from model_sharing_protocol.errors import InvalidParameter, NotFound, UnsupportedOperation
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import Page
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.uploads import NewVersion
from model_sharing_provider.faces.mlflow_registry.requests import (
    message_response,
    read_message,
    version_number,
)
from model_sharing_provider.http.lineage_header import lineage_from_header
from model_sharing_provider.http.parameters import MODEL_NAME, PAGE, TEXT, VERSION
from model_sharing_provider.http.requests import context_of, page_request, provider_of, request_digest
from model_sharing_provider.http.responses import NO_STORE
from model_sharing_provider.http.routes import Nothing, Query, Route
from model_sharing_provider.http.temporary_credentials import client_without_presigned_urls, credentials_for
from model_sharing_provider.http.versions import logged_model_id, storage_location
from model_sharing_provider.services.registry.tags import TagChange

_FILTER = re.compile(r"\s*(name|run_id)\s*=\s*(?:'([^']*)'|\"([^\"]*)\")\s*")


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
    body = await read_message(request, wire.VersionRequest)
    publication = provider_of(request).finalization
    name, number = _version_of(body)
    return version_response(request, await publication.finalize(context_of(request), name, number))


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
    name, number = _version_of(await read_message(request, wire.VersionRequest))
    await provider_of(request).versions.delete(context_of(request), name, number)
    return message_response()


async def get(request: web.Request) -> web.Response:
    name, number = _version_of(await read_message(request, wire.VersionRequest))
    return version_response(
        request, await provider_of(request).versions.get(context_of(request), name, number)
    )


async def search(request: web.Request) -> web.Response:
    """The versions of one model or of one run: exact equality alone, as the guide says."""
    if request.query.get("order_by"):
        raise InvalidParameter("order_by is not supported when model versions are searched.")
    asked = request.query.get("filter", "")
    key, value = _parse_filter(asked)
    listing = f"versions where {asked}"
    page = page_request(request, listing)
    versions = provider_of(request).versions
    if key == "run_id":
        found = await versions.page_of_run(context_of(request), value, page)
    else:
        try:
            found = await versions.page(context_of(request), FullName.parse(value), page)
        except NotFound:
            # A search finds nothing; only a look-up fails.
            found = Page(())
    return message_response(
        wire.ModelVersions(tuple(_version(request, each) for each in found.items), found.token(listing) or "")
    )


async def temporary_credentials(request: web.Request) -> web.Response:
    body = await read_message(request, wire.TemporaryCredentialsRequest)
    name, number = FullName.parse(body.name), version_number(body.version)
    old = client_without_presigned_urls(request)
    credentials = await credentials_for(
        request, context_of(request), name, number, body.operation, keys=old is not None
    )
    keys = (credentials.aws_temp_credentials, credentials.azure_user_delegation_sas)
    if old and not any((*keys, credentials.gcp_oauth_token, credentials.r2_credentials)):
        raise UnsupportedOperation(
            f"MLflow {old} moves files by credentials for a bucket, and this server has none to give; "
            "install MLflow 2.13 or newer."
        )
    return message_response(wire.TemporaryCredentialsAnswer(credentials), NO_STORE)


async def get_download_uri(request: web.Request) -> web.Response:
    name, number = _version_of(await read_message(request, wire.VersionRequest))
    found = await provider_of(request).versions.get(context_of(request), name, number)
    return message_response(wire.DownloadUri(storage_location(provider_of(request), found)))


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


_NUMBER = (Query("name", MODEL_NAME, required=True), Query("version", VERSION, required=True))

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
        "Describe a version",
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
        query=_NUMBER,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/model-versions/search",
        search,
        "The versions of a model or of a run: name='…' or run_id='…'",
        wire.ModelVersions,
        query=(Query("filter", TEXT, required=True), *PAGE),
    ),
    Route(
        "POST",
        "/model-versions/generate-temporary-credentials",
        temporary_credentials,
        "How to move a version's files",
        wire.TemporaryCredentialsAnswer,
        wire.TemporaryCredentialsRequest,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/model-versions/get-download-uri",
        get_download_uri,
        "A version's location",
        wire.DownloadUri,
        query=_NUMBER,
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
        "Note what a version was used for",
        Nothing,
        wire.EmitLineage,
        errors=(NotFound,),
    ),
)


def version_response(request: web.Request, version: ModelVersion) -> web.Response:
    return message_response(wire.ModelVersionAnswer(_version(request, version)))


def _version_of(asked: wire.VersionRequest) -> tuple[FullName, int]:
    return FullName.parse(asked.name), version_number(asked.version)


def _parse_filter(text: str) -> tuple[str, str]:
    if not text.strip():
        raise InvalidParameter("Missing filter: say which versions to find, as name='catalog.schema.model'.")
    found = _FILTER.fullmatch(text)
    if found is None:
        raise InvalidParameter(
            f"The filter {text[:200]!r} is not supported: model versions are found by "
            "name='catalog.schema.model' or run_id='…', by exact equality and one condition at a time."
        )
    return found[1], found[2] if found[2] is not None else found[3]


def _version(request: web.Request, version: ModelVersion) -> wire.ModelVersion:
    return wire.ModelVersion(
        name=str(version.full_name),
        version=str(version.version),
        creation_timestamp=version.created_at,
        last_updated_timestamp=version.updated_at,
        user_id=version.created_by,
        status=version.status.value,
        status_message=version.status_message,
        storage_location=storage_location(provider_of(request), version),
        model_id=logged_model_id(version),
        description=version.comment,
        source=version.source,
        run_id=version.run_id,
        aliases=tuple(wire.Alias(alias, str(version.version)) for alias in version.aliases),
        tags=tuple(wire.KeyValue(key, value) for key, value in version.tags.items()),
    )

"""Files of a version: downloads, uploads whole or in parts, and deletion before the version is finalized."""

from __future__ import annotations

import msgspec
from aiohttp import web

from model_sharing_protocol import files_api as wire
from model_sharing_protocol.errors import AlreadyExists, DiskFull, InvalidParameter
from model_sharing_provider.faces.files_api.paths import DOCUMENTED_FILE, FILES, requested_path
from model_sharing_provider.http.bodies import body_chunks, read_body
from model_sharing_provider.http.file_responses import file_response
from model_sharing_provider.http.parameter_schemas import BOOLEAN, TEXT
from model_sharing_provider.http.requests import context_of, flag, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Media, Nothing, Query, Route
from model_sharing_provider.services.publishing.multipart import PartSeen


class MultipartAnswer(msgspec.Struct, omit_defaults=True):
    """Multipart upload that was begun; empty if one was completed."""

    multipart_upload: wire.MultipartSession | None = None


async def get_file(request: web.Request) -> web.StreamResponse:
    context, provider = context_of(request), provider_of(request)
    file = await provider.principal_files.open_path(context, *requested_path(request))
    return await file_response(request, context, provider.signed_files, file)


async def put_file(request: web.Request) -> web.Response:
    context, provider = context_of(request), provider_of(request)
    name, number, path = requested_path(request)
    version = await provider.uploads.begin(context, name, number)
    overwrite = flag(request, "overwrite", default=True)
    await provider.uploads.write(context, version, path, body_chunks(request), overwrite=overwrite)
    return json_response(Nothing(), wire.JSON)


async def delete_file(request: web.Request) -> web.Response:
    await provider_of(request).uploads.remove(context_of(request), *requested_path(request))
    return json_response(Nothing(), wire.JSON)


async def multipart_action(request: web.Request) -> web.Response:
    """Begin or complete a multipart upload, by the parameter `action`."""
    if (kind := request.query.get("upload_type", "multipart")) != "multipart":
        raise InvalidParameter(f"The upload_type {kind!r} is not supported here; give multipart.")
    action = request.query.get("action", "")
    if action == "initiate-upload":
        return await _initiate(request)
    if action == "complete-upload":
        return await _complete(request)
    raise InvalidParameter(f"The action {action!r} is unknown; give initiate-upload or complete-upload.")


async def _initiate(request: web.Request) -> web.Response:
    multipart, path = provider_of(request).multipart, requested_path(request)
    overwrite = flag(request, "overwrite", default=True)
    session = await multipart.begin(context_of(request), *path, overwrite=overwrite)
    return json_response(MultipartAnswer(wire.MultipartSession(session)), wire.JSON)


async def _complete(request: web.Request) -> web.Response:
    multipart, path = provider_of(request).multipart, requested_path(request)
    body = await read_body(request, wire.CompleteUpload)
    seen = [PartSeen(part.part_number, part.etag) for part in body.parts]
    session = request.query.get("session_token", "")
    await multipart.complete(context_of(request), *path, session=session, seen=seen)
    return json_response(MultipartAnswer(), wire.JSON)


_BYTES = Media("application/octet-stream")
_OVERWRITE = Query("overwrite", BOOLEAN)
_ACTION = Query("action", {"type": "string", "enum": ["initiate-upload", "complete-upload"]}, required=True)

ROUTES = (
    Route(
        "GET",
        FILES,
        get_file,
        "A file, whole or a range of it; one that a provider keeps is at the location of a 307",
        _BYTES,
        statuses=(200, 206, 307, 416),
        documented_paths=DOCUMENTED_FILE,
    ),
    Route(
        "PUT",
        FILES,
        put_file,
        "Upload a file",
        Nothing,
        _BYTES,
        query=(_OVERWRITE,),
        errors=(DiskFull, AlreadyExists),
        documented_paths=DOCUMENTED_FILE,
    ),
    Route("DELETE", FILES, delete_file, "Delete an uploaded file", Nothing, documented_paths=DOCUMENTED_FILE),
    Route(
        "POST",
        FILES,
        multipart_action,
        "Begin or complete a multipart upload",
        MultipartAnswer,
        wire.CompleteUpload,
        query=(_ACTION, Query("upload_type", TEXT), Query("session_token", TEXT), _OVERWRITE),
        errors=(DiskFull, AlreadyExists),
        body_required=False,
        documented_paths=DOCUMENTED_FILE,
    ),
)

"""Signed files: `GET` and `HEAD` whole or in ranges, `PUT` into a version that is being made.

The URL is the credential: no bearer token is asked for, and none should be sent. It works any number of times
until it expires.
"""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, NotFound, PermissionDenied
from model_sharing_protocol.open_sharing import PackRequest
from model_sharing_provider.http.bodies import body_chunks, read_body
from model_sharing_provider.http.errors import OPEN_SHARING_ERRORS
from model_sharing_provider.http.file_responses import file_response, pack_response
from model_sharing_provider.http.file_urls import FILES_PREFIX
from model_sharing_provider.http.parameters import NOT_EMPTY, TEXT
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Face, Media, Query, Route

_ERRORS = (InvalidParameter, PermissionDenied, NotFound)
_UUID = {"type": "string", "format": "uuid"}
_BYTES = Media("application/octet-stream")
_RANGES = (200, 206, 416)
SIGNATURE = (
    Query("grant", TEXT, required=True),
    Query("token", TEXT, required=True),
    Query("revision", {"type": "integer"}, required=True),
    Query("expires", {"type": "integer"}, required=True),
    Query("key", TEXT, required=True),
    Query("signature", TEXT, required=True),
)
"""Signature that the server writes into the URLs that it signs, with what it covers."""


async def get_shared_file(request: web.Request) -> web.StreamResponse:
    """File of a version or a table, for recipients under a grant."""
    context, provider = context_of(request), provider_of(request)
    file = await provider.recipient_files.open(context, _resource(request), dict(request.query))
    return await file_response(request, context, provider.signed_files, file)


async def get_pack(request: web.Request) -> web.StreamResponse:
    """Pack of many small files, for recipients under a grant."""
    context, provider = context_of(request), provider_of(request)
    asked = await read_body(request, PackRequest)
    query = dict(request.query)
    pack = await provider.recipient_files.open_pack(context, _resource(request), query, asked.files)
    return await pack_response(request, context, provider.signed_files, pack)


async def get_own_file(request: web.Request) -> web.StreamResponse:
    """File of a version, for the metastore's own principals."""
    context, provider = context_of(request), provider_of(request)
    file = await provider.principal_files.open(context, _resource(request), dict(request.query))
    return await file_response(request, context, provider.signed_files, file)


async def put_file(request: web.Request) -> web.Response:
    return await _put_file(request, overwrite=True)


async def put_new_file(request: web.Request) -> web.Response:
    return await _put_file(request, overwrite=False)


async def _put_file(request: web.Request, *, overwrite: bool) -> web.Response:
    context, provider = context_of(request), provider_of(request)
    version, holder = await provider.principal_files.accept_upload(
        context, _resource(request), dict(request.query)
    )
    path = _decoded(request.match_info["path"])
    file = await provider.uploads.write(
        context, version, path, body_chunks(request), by=holder, overwrite=overwrite
    )
    return web.Response(headers={"ETag": f'"{file.sha256}"'})


async def put_part(request: web.Request) -> web.Response:
    context, provider = context_of(request), provider_of(request)
    version, holder = await provider.principal_files.accept_upload(
        context, _resource(request), dict(request.query)
    )
    session, number = _session(request), int(request.match_info["number"])
    etag = await provider.multipart.write_part(
        context, version, session, number, body_chunks(request), by=holder
    )
    return web.Response(headers={"ETag": f'"{etag}"'})


async def abort_upload(request: web.Request) -> web.Response:
    context, provider = context_of(request), provider_of(request)
    version, holder = await provider.principal_files.accept_upload(
        context, _resource(request), dict(request.query)
    )
    await provider.multipart.abort(context, version, _session(request), by=holder)
    return web.Response()


def _resource(request: web.Request) -> str:
    return request.path.removeprefix(f"{FILES_PREFIX}/")


def _session(request: web.Request) -> str:
    try:
        return str(UUID(request.match_info["session"]))
    except ValueError as error:
        raise NotFound("There is no such upload.") from error


def _decoded(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotFound("There is no such upload.") from error


FACE = Face(
    name="signed-files",
    prefix=FILES_PREFIX,
    authentication=None,
    errors=OPEN_SHARING_ERRORS,
    documented_in="open-sharing",
    parameters={
        "version": _UUID,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "path": NOT_EMPTY,
        "session": _UUID,
        "number": {"type": "integer", "minimum": 1},
    },
    routes=(
        Route(
            "GET",
            "/versions/{version}/{sha256}",
            get_shared_file,
            "A file of a version, whole or a range of it",
            _BYTES,
            query=SIGNATURE,
            errors=_ERRORS,
            statuses=_RANGES,
        ),
        Route(
            "POST",
            "/versions/{version}/pack",
            get_pack,
            "Many small files of a version, one after the other",
            _BYTES,
            PackRequest,
            query=SIGNATURE,
            errors=_ERRORS,
        ),
        Route(
            "GET",
            "/tables/{sha256}",
            get_shared_file,
            "A table's file, whole or a range of it",
            _BYTES,
            query=SIGNATURE,
            errors=_ERRORS,
            statuses=_RANGES,
        ),
        Route(
            "GET",
            "/files/{version}/{sha256}",
            get_own_file,
            "A file of a version for the registry's principals, whole or a range of it",
            _BYTES,
            query=SIGNATURE,
            errors=_ERRORS,
            statuses=_RANGES,
        ),
        Route(
            "PUT",
            "/uploads/{version}/file/{path}",
            put_file,
            "Upload a file",
            None,
            _BYTES,
            query=SIGNATURE,
            errors=_ERRORS,
        ),
        Route(
            "PUT",
            "/uploads/{version}/new-file/{path}",
            put_new_file,
            "Upload a file that replaces none",
            None,
            _BYTES,
            query=SIGNATURE,
            errors=_ERRORS,
        ),
        Route(
            "PUT",
            "/uploads/{version}/part/{session}/{number:[0-9]{1,9}}",
            put_part,
            "Upload a part of a file",
            None,
            _BYTES,
            query=SIGNATURE,
            errors=_ERRORS,
        ),
        Route(
            "DELETE",
            "/uploads/{version}/session/{session}",
            abort_upload,
            "Give up an upload in parts",
            None,
            query=SIGNATURE,
            errors=_ERRORS,
        ),
    ),
)

"""Uploads by signed URLs: whole files, and parts of multipart uploads."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from aiohttp import web

from model_sharing_protocol.errors import NotFound
from model_sharing_provider.faces.signed_files.signatures import (
    BYTES,
    SIGNATURE,
    SIGNATURE_ERRORS,
    signed_path,
)
from model_sharing_provider.http.bodies import body_chunks
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Route


async def put_file(request: web.Request) -> web.Response:
    return await _put_file(request, overwrite=True)


async def put_new_file(request: web.Request) -> web.Response:
    return await _put_file(request, overwrite=False)


async def _put_file(request: web.Request, *, overwrite: bool) -> web.Response:
    context, provider = context_of(request), provider_of(request)
    version, holder = await provider.principal_files.accept_upload(
        context, signed_path(request), dict(request.query)
    )
    path = _decoded(request.match_info["path"])
    file = await provider.uploads.write(
        context, version, path, body_chunks(request), by=holder, overwrite=overwrite
    )
    return web.Response(headers={"ETag": f'"{file.sha256}"'})


async def put_part(request: web.Request) -> web.Response:
    context, provider = context_of(request), provider_of(request)
    version, holder = await provider.principal_files.accept_upload(
        context, signed_path(request), dict(request.query)
    )
    session, number = _session(request), int(request.match_info["number"])
    etag = await provider.multipart.write_part(
        context, version, session, number, body_chunks(request), by=holder
    )
    return web.Response(headers={"ETag": f'"{etag}"'})


async def abort_upload(request: web.Request) -> web.Response:
    context, provider = context_of(request), provider_of(request)
    version, holder = await provider.principal_files.accept_upload(
        context, signed_path(request), dict(request.query)
    )
    await provider.multipart.abort(context, version, _session(request), by=holder)
    return web.Response()


def _session(request: web.Request) -> str:
    try:
        return str(UUID(request.match_info["session"]))
    except ValueError as error:
        raise NotFound("This upload does not exist.") from error


def _decoded(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotFound("This upload does not exist.") from error


ROUTES = (
    Route(
        "PUT",
        "/uploads/{version}/file/{path}",
        put_file,
        "Upload a file",
        None,
        BYTES,
        query=SIGNATURE,
        errors=SIGNATURE_ERRORS,
    ),
    Route(
        "PUT",
        "/uploads/{version}/new-file/{path}",
        put_new_file,
        "Upload a new file, which must not exist yet",
        None,
        BYTES,
        query=SIGNATURE,
        errors=SIGNATURE_ERRORS,
    ),
    Route(
        "PUT",
        "/uploads/{version}/part/{session}/{number:[0-9]{1,9}}",
        put_part,
        "Upload a part of a file",
        None,
        BYTES,
        query=SIGNATURE,
        errors=SIGNATURE_ERRORS,
    ),
    Route(
        "DELETE",
        "/uploads/{version}/session/{session}",
        abort_upload,
        "Abort a multipart upload",
        None,
        query=SIGNATURE,
        errors=SIGNATURE_ERRORS,
    ),
)

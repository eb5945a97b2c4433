"""Downloads by signed URLs: files of versions and tables, and packs of many small files."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import InvalidState
from model_sharing_protocol.open_sharing import PackRequest
from model_sharing_provider.faces.signed_files.signatures import (
    BYTES,
    SIGNATURE,
    SIGNATURE_ERRORS,
    signed_path,
)
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.file_responses import file_response, pack_response
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Route

_RANGES = (200, 206, 416)


async def get_shared_file(request: web.Request) -> web.StreamResponse:
    """File of a version or a table, for recipients under a grant."""
    context, provider = context_of(request), provider_of(request)
    file = await provider.recipient_files.open(context, signed_path(request), dict(request.query))
    return await file_response(request, context, provider.signed_files, file)


async def get_asset_file(request: web.Request) -> web.StreamResponse:
    """File of a table that stays at an external location, for recipients under a grant."""
    context, provider = context_of(request), provider_of(request)
    file = await provider.asset_files.open(context, signed_path(request), dict(request.query))
    return await file_response(request, context, provider.signed_files, file)


async def get_pack(request: web.Request) -> web.StreamResponse:
    """Pack of many small files, for recipients under a grant."""
    context, provider = context_of(request), provider_of(request)
    body = await read_body(request, PackRequest)
    query = dict(request.query)
    pack = await provider.recipient_files.open_pack(context, signed_path(request), query, body.files)
    return await pack_response(request, context, provider.signed_files, pack)


async def get_own_file(request: web.Request) -> web.StreamResponse:
    """File of a version, for the metastore's own principals."""
    context, provider = context_of(request), provider_of(request)
    file = await provider.principal_files.open(context, signed_path(request), dict(request.query))
    return await file_response(request, context, provider.signed_files, file)


ROUTES = (
    Route(
        "GET",
        "/versions/{version}/{sha256}",
        get_shared_file,
        "A file of a version, whole or a range of it",
        BYTES,
        query=SIGNATURE,
        errors=SIGNATURE_ERRORS,
        statuses=_RANGES,
    ),
    Route(
        "POST",
        "/versions/{version}/pack",
        get_pack,
        "Many small files of a version, one after the other",
        BYTES,
        PackRequest,
        query=SIGNATURE,
        errors=SIGNATURE_ERRORS,
    ),
    Route(
        "GET",
        "/tables/{sha256}",
        get_shared_file,
        "A table's file, whole or a range of it",
        BYTES,
        query=SIGNATURE,
        errors=SIGNATURE_ERRORS,
        statuses=_RANGES,
    ),
    Route(
        "GET",
        "/assets/{asset}/{number:[0-9]{1,18}}/{sha256}",
        get_asset_file,
        "A file of a shared table, whole or a range of it",
        BYTES,
        query=SIGNATURE,
        errors=(*SIGNATURE_ERRORS, InvalidState),
        statuses=_RANGES,
    ),
    Route(
        "GET",
        "/files/{version}/{sha256}",
        get_own_file,
        "A file of a version for the registry's principals, whole or a range of it",
        BYTES,
        query=SIGNATURE,
        errors=SIGNATURE_ERRORS,
        statuses=(*_RANGES, 307),
    ),
)

"""Presigned URLs, by which MLflow and the SDK transfer files without sending their token."""

from __future__ import annotations

from urllib.parse import urljoin

from aiohttp import web

from model_sharing_protocol import files_api as wire
from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, NotFound
from model_sharing_provider.faces.files_api.paths import parse_path
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import BOOLEAN, TEXT
from model_sharing_provider.http.requests import context_of, flag, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Query, Route
from model_sharing_provider.http.urls import (
    files_base_url,
    part_upload_path,
    upload_path,
    upload_session_path,
)
from model_sharing_provider.services.publishing.multipart import MAX_PARTS

_MAX_URLS = 1000


async def create_download_url(request: web.Request) -> web.Response:
    """Presigned URL to download a file. The path is in the body (MLflow) or in the query (the SDK)."""
    body = await read_body(request, wire.PathRequest) if request.can_read_body else wire.PathRequest()
    path = parse_path(body.path or request.query.get("path", ""))
    url = await provider_of(request).principal_files.sign(context_of(request), *path)
    return json_response(wire.PresignedUrl(_absolute(request, url)), wire.JSON)


async def create_upload_url(request: web.Request) -> web.Response:
    """Presigned URL to PUT a file to, with the headers to send."""
    body = await read_body(request, wire.UploadUrlRequest)
    name, number, path = parse_path(body.path)
    overwrite = body.overwrite and flag(request, "overwrite", default=True)
    files, suffix = provider_of(request).principal_files, upload_path(path, overwrite=overwrite)
    upload = await files.sign_file_upload(
        context_of(request), name, number, path, suffix, overwrite=overwrite
    )
    headers = tuple(wire.Header(*header) for header in upload.headers.items())
    return json_response(wire.PresignedUrl(_absolute(request, upload.url), headers), wire.JSON)


async def create_upload_part_urls(request: web.Request) -> web.Response:
    """Presigned URLs to PUT parts of a file to."""
    body = await read_body(request, wire.PartUrlsRequest)
    first, last = body.start_part_number, body.start_part_number + body.count - 1
    if not (1 <= body.count <= _MAX_URLS and first >= 1 and last <= MAX_PARTS):
        raise InvalidParameter(
            f"Parts are numbered from 1 to {MAX_PARTS}; at most {_MAX_URLS} URLs are given at a time."
        )
    numbers = range(first, last + 1)
    suffixes = [part_upload_path(body.session_token, part) for part in numbers]
    urls = await _session_urls(request, body.path, body.session_token, suffixes)
    return json_response(wire.PartUrls(tuple(map(wire.PartUrl, urls, numbers))), wire.JSON)


async def create_abort_url(request: web.Request) -> web.Response:
    """Presigned URL to abort a multipart upload, by DELETE."""
    body = await read_body(request, wire.AbortRequest)
    session = body.session_token
    (url,) = await _session_urls(request, body.path, session, [upload_session_path(session)])
    return json_response(wire.AbortUrl(wire.PresignedUrl(url)), wire.JSON)


ROUTES = (
    Route(
        "POST",
        "/create-download-url",
        create_download_url,
        "A presigned URL to download a file; the path may be in the query too",
        wire.PresignedUrl,
        wire.PathRequest,
        query=(Query("path", TEXT), Query("expire_time", TEXT)),
        errors=(NotFound,),
        body_required=False,
    ),
    Route(
        "POST",
        "/create-upload-url",
        create_upload_url,
        "A presigned URL to PUT a file to",
        wire.PresignedUrl,
        wire.UploadUrlRequest,
        query=(Query("overwrite", BOOLEAN),),
        errors=(NotFound, AlreadyExists),
    ),
    Route(
        "POST",
        "/create-upload-part-urls",
        create_upload_part_urls,
        "Presigned URLs to PUT parts to",
        wire.PartUrls,
        wire.PartUrlsRequest,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        "/create-abort-upload-url",
        create_abort_url,
        "A presigned URL to abort a multipart upload",
        wire.AbortUrl,
        wire.AbortRequest,
        errors=(NotFound,),
    ),
)


def _absolute(request: web.Request, url: str) -> str:
    return urljoin(files_base_url(request), url)


async def _session_urls(request: web.Request, path: str, session: str, suffixes: list[str]) -> list[str]:
    files = provider_of(request).principal_files
    urls = await files.sign_session_uploads(
        context_of(request), *parse_path(path), session=session, upload_suffixes=suffixes
    )
    return [_absolute(request, url) for url in urls]

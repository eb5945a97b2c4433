"""File responses: a verified file, whole or a range of it."""

from __future__ import annotations

import asyncio
from typing import BinaryIO

from aiohttp import hdrs, web

from model_sharing_protocol.hugging_face import headers, paths
from model_sharing_protocol.manifest import ManifestFile

_PIECE_BYTES = 1024 * 1024
_WRITE_TIMEOUT_SECONDS = 120.0
"""For each piece: who reads slower than 9 kB/s is cut off, and resumes by another request."""


def head_response(request: web.Request, commit: str, file: ManifestFile) -> web.Response | None:
    """Response that needs none of the file's bytes: to HEAD, to what the client has (304), or 416.

    None if bytes are asked for. HEAD is answered where the path names the commit, and redirected to there
    otherwise (307): clients keep the digest and ask for the bytes later, when an alias may have moved.
    """
    fields = _fields(commit, file)
    asked = request.match_info
    if request.method == hdrs.METH_HEAD and asked["revision"] != commit:
        place = paths.file_path(asked["namespace"], asked["name"], commit, file.path)
        linked = headers.linked_headers(file.sha256, file.size)
        return web.Response(status=307, headers={headers.COMMIT: commit, hdrs.LOCATION: place, **linked})
    if _has_current(request, file):
        return web.Response(status=304, headers=fields)
    if _span(request, file) is None:
        return web.Response(status=416, headers={hdrs.CONTENT_RANGE: f"bytes */{file.size}"})
    if request.method == hdrs.METH_HEAD:
        return web.Response(headers=fields | {hdrs.CONTENT_LENGTH: str(file.size)})
    return None


async def send_file(
    request: web.Request, commit: str, file: ManifestFile, content: BinaryIO
) -> web.StreamResponse:
    """Send an open file, or the requested range of it, which `head_response` found to be one."""
    start, end = _span(request, file) or (0, file.size)
    response = web.StreamResponse(headers=_fields(commit, file))
    response.content_length = end - start
    if end - start != file.size:
        response.set_status(206)
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{file.size}"
    await response.prepare(request)
    try:
        await _send(response, content, start, end)
    except (OSError, TimeoutError) as error:
        if request.transport is not None:
            request.transport.abort()  # the status line was sent: there is no other way to tell
        raise ConnectionResetError("the transfer was cut") from error
    return response


async def _send(response: web.StreamResponse, content: BinaryIO, start: int, end: int) -> None:
    await asyncio.to_thread(content.seek, start)
    while start < end:
        piece = await asyncio.to_thread(content.read, min(_PIECE_BYTES, end - start))
        if not piece:
            raise OSError("the file became shorter")
        async with asyncio.timeout(_WRITE_TIMEOUT_SECONDS):
            await response.write(piece)
        start += len(piece)
    await response.write_eof()


def _fields(commit: str, file: ManifestFile) -> dict[str, str]:
    return {
        headers.COMMIT: commit,
        hdrs.ETAG: headers.etag(file.sha256),
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: "private, no-transform",
        hdrs.CONTENT_TYPE: "application/octet-stream",
    }


def _has_current(request: web.Request, file: ManifestFile) -> bool:
    return any(tag.value in (file.sha256, "*") for tag in request.if_none_match or ())


def _span(request: web.Request, file: ManifestFile) -> tuple[int, int] | None:
    """Requested range, as its first byte and the one after its last; None if the file has no such range."""
    wanted = request.headers.get(hdrs.IF_RANGE)
    if hdrs.RANGE not in request.headers or wanted not in (None, headers.etag(file.sha256)):
        return 0, file.size
    try:
        asked = request.http_range
    except ValueError:
        return None
    start, end, _ = asked.indices(file.size)
    return (start, end) if start < end else None

"""File responses: a file's bytes, whole or a range, for as long as the caller may read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from email.utils import formatdate

import structlog
from aiohttp import web

from model_sharing_provider.domain.events import Target
from model_sharing_provider.http.metrics import CUT, count_file_bytes
from model_sharing_provider.http.requests import BYTES_STREAMED
from model_sharing_provider.http.transfers import transferring
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.signed_files import (
    IN_STORE,
    OpenFile,
    OpenPack,
    SignedFiles,
    TransferPermission,
)

_SINGLE_WRITE_BYTES = 256 * 1024
# For a piece of 1 or 4 MiB: clients slower than 9 or 35 kB/s are cut off, and resume by another request.
_WRITE_TIMEOUT_SECONDS = 120.0

_log = structlog.get_logger("model_sharing_provider")


NO_HEADERS: Mapping[str, str] = {}


async def file_response(
    request: web.Request,
    context: Context,
    files: SignedFiles,
    file: OpenFile,
    extra_headers: Mapping[str, str] = NO_HEADERS,
) -> web.StreamResponse:
    """Response with the file (200), with the requested range (206), or with neither (304, 416).

    A file that another server keeps and sends is answered with a redirection to it (307). Every response
    has the `extra_headers`, which say what the file is.
    """
    etag = f'"{file.sha256}"'
    if has_current(request, file.sha256):
        return web.Response(status=304, headers={"ETag": etag, **extra_headers})
    span = _span(request, file.size, etag)
    if span is None:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{file.size}", **extra_headers})
    if request.method == "HEAD":
        return await _sent(request, context, files, file, span=span, extra_headers=extra_headers)
    async with _counting(request, file.access, span[1] - span[0]):
        return await _sent(request, context, files, file, span=span, extra_headers=extra_headers)


async def _sent(
    request: web.Request,
    context: Context,
    files: SignedFiles,
    file: OpenFile,
    *,
    span: tuple[int, int],
    extra_headers: Mapping[str, str],
) -> web.StreamResponse:
    """Response with a range of the file, or the redirection to it."""
    etag = f'"{file.sha256}"'
    found = IN_STORE
    if request.method != "HEAD":
        found = await files.locate(context, file, from_start=span == (0, file.size))
    if found.url:
        headers = {"Location": found.url, "Cache-Control": "no-store", **extra_headers}
        return web.Response(status=307, headers=headers)
    start, end = span
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-transform",
        "Content-Length": str(end - start),
        "Content-Type": "application/octet-stream",
        "ETag": etag,
        "Last-Modified": formatdate(file.modified / 1000, usegmt=True),
        **extra_headers,
    }
    partial = end - start != file.size
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 206 if partial else 200
    if request.method != "HEAD" and end - start <= _SINGLE_WRITE_BYTES:
        body = b"".join([bytes(piece) async for piece in files.read(file, start, end)])
        count_file_bytes(file.access.target, len(body))
        return web.Response(body=body, status=status, headers=headers)
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    if request.method != "HEAD":
        pieces = _counted(request, files.read(file, start, end, found), file.access.target)
        with _tracked(context, file.access.target):
            await _stream(request, response, pieces, files.access_ended(context, file))
    return response


async def pack_response(
    request: web.Request, context: Context, files: SignedFiles, pack: OpenPack
) -> web.StreamResponse:
    """Response with the bytes of a pack's files, one after the other."""
    async with _counting(request, pack.access, pack.size):
        await files.locate(context, pack)
        headers = {"Content-Length": str(pack.size), "Content-Type": "application/octet-stream"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        pieces = _counted(request, files.read_pack(pack), pack.access.target)
        with _tracked(context, pack.access.target):
            await _stream(request, response, pieces, files.access_ended(context, pack))
        return response


def _tracked(context: Context, target: Target) -> AbstractContextManager[None]:
    reader = target.recipient or context.caller.principal.name
    return transferring(target.name, reader, target.share)


@asynccontextmanager
async def _counting(request: web.Request, access: TransferPermission, size: int) -> AsyncIterator[None]:
    """Count bytes before they are sent, and take back what was not: a stream may end early, or not begin.

    Raises TooManyRequests once a recipient had enough.
    """
    await access.spend(size)
    unsent = size
    try:
        yield
        unsent = 0 if BYTES_STREAMED not in request else size - request[BYTES_STREAMED]
    except BaseException:
        unsent = size - request.get(BYTES_STREAMED, 0)
        raise
    finally:
        access.refund(unsent)


async def _stream(
    request: web.Request,
    response: web.StreamResponse,
    pieces: AsyncIterator[memoryview],
    access_ended: Coroutine[None, None, None],
) -> None:
    """Send the pieces until access ends, even to a client that has stopped reading."""
    sending = asyncio.create_task(_send(response, pieces))
    ended = asyncio.create_task(access_ended)
    try:
        await asyncio.wait((sending, ended), return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            _cut(request, "access ended")
        elif (error := sending.exception()) and not isinstance(error, ConnectionError):
            _cut(request, str(error) or type(error).__name__)
    finally:
        sending.cancel()
        ended.cancel()
        await asyncio.gather(sending, ended, return_exceptions=True)


async def _send(response: web.StreamResponse, pieces: AsyncIterator[memoryview]) -> None:
    async for piece in pieces:
        async with asyncio.timeout(_WRITE_TIMEOUT_SECONDS):
            await response.write(piece)


async def _counted(
    request: web.Request, pieces: AsyncIterator[memoryview], target: Target
) -> AsyncIterator[memoryview]:
    request[BYTES_STREAMED] = 0
    async for piece in pieces:
        yield piece
        # The next piece is requested: this one was sent.
        count_file_bytes(target, len(piece))
        request[BYTES_STREAMED] += len(piece)


def _cut(request: web.Request, reason: str) -> None:
    """Abort the connection: the status line was sent, so there is no other way to report an error."""
    CUT.inc()
    _log.warning("transfer cut", reason=reason)
    if request.transport is not None:
        request.transport.abort()


def has_current(request: web.Request, sha256: str) -> bool:
    """True if the client has the file that it asks for, by the digests that it names in `If-None-Match`."""
    return any(known.value in ("*", sha256) for known in request.if_none_match or ())


def _span(request: web.Request, size: int, etag: str) -> tuple[int, int] | None:
    """Requested range, as its first byte and the one after its last; None if the file has no such range.

    The whole file for a range of another one, by `If-Range`.
    """
    if request.headers.get("If-Range", etag) != etag:
        return 0, size
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None:
        return 0, size
    start, end, _ = asked.indices(size)
    return (start, end) if start < end else None

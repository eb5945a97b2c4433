"""File responses: a file's bytes, whole or a range, for as long as the caller may read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from email.utils import formatdate
from functools import lru_cache

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from model_sharing_provider.domain.events import Target
from model_sharing_provider.http.metrics import CUT, count_file_bytes
from model_sharing_provider.http.requests import BYTES_STREAMED
from model_sharing_provider.http.sendfile import can_sendfile, send_range
from model_sharing_provider.http.transfers import transferring
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.signed_files import (
    IN_STORE,
    OpenFile,
    OpenPack,
    SignedFiles,
    TransferPermission,
    Whereabouts,
    report_mirrored,
)
from model_sharing_provider.telemetry.log import log

_SINGLE_WRITE_BYTES = 256 * 1024
# For a piece of 1 or 4 MiB: clients slower than 9 or 35 kB/s are cut off, and resume by another request.
_WRITE_TIMEOUT_SECONDS = 120.0


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
        "Last-Modified": _http_date(file.modified // 1000),
        **extra_headers,
    }
    partial = end - start != file.size
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 206 if partial else 200
    if request.method != "HEAD" and end - start <= _SINGLE_WRITE_BYTES:
        body = await files.read_at_once(file, start, end)
        count_file_bytes(file.access.target, len(body))
        return web.Response(body=body, status=status, headers=headers)
    response = web.StreamResponse(status=status, headers=headers)
    head = await response.prepare(request)
    if request.method != "HEAD" and head is not None:
        sending = _send_file(request, head, files, file, span=span, found=found)
        with _tracked(context, file.access.target):
            await _stream(request, sending, files.access_ended(context, file))
    return response


async def pack_response(
    request: web.Request, context: Context, files: SignedFiles, pack: OpenPack
) -> web.StreamResponse:
    """Response with the bytes of a pack's files, one after the other."""
    async with _counting(request, pack.access, pack.size):
        await files.locate(context, pack)
        headers = {"Content-Length": str(pack.size), "Content-Type": "application/octet-stream"}
        response = web.StreamResponse(headers=headers)
        head = await response.prepare(request)
        if head is not None:
            sending = _send_pieces(request, head, files.read_pack(pack), pack.access.target)
            with _tracked(context, pack.access.target):
                await _stream(request, sending, files.access_ended(context, pack))
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
    request: web.Request, send: Coroutine[None, None, None], access_ended: Coroutine[None, None, None]
) -> None:
    """Send until access ends, even to a client that has stopped reading."""
    sending = asyncio.create_task(send)
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


async def _send_file(
    request: web.Request,
    head: AbstractStreamWriter,
    files: SignedFiles,
    file: OpenFile,
    *,
    span: tuple[int, int],
    found: Whereabouts,
) -> None:
    """Send a range of a file after the head of its response: by the kernel, where that is possible."""
    request[BYTES_STREAMED] = 0
    opened = await files.open(file, found) if can_sendfile(request) else None
    if opened is None:
        await _send_pieces(request, head, files.read(file, *span, found), file.access.target)
        return

    def sent(count: int) -> None:
        report_mirrored(file.source, count)
        _count_sent(request, file.access.target, count)

    with opened:
        await send_range(request, head, opened, span, sent=sent, seconds=_WRITE_TIMEOUT_SECONDS)


async def _send_pieces(
    request: web.Request, head: AbstractStreamWriter, pieces: AsyncIterator[memoryview], target: Target
) -> None:
    request[BYTES_STREAMED] = 0
    async for piece in pieces:
        async with asyncio.timeout(_WRITE_TIMEOUT_SECONDS):
            await head.write(piece)
        _count_sent(request, target, len(piece))


@lru_cache(4096)
def _http_date(seconds: int) -> str:
    """Date of a header, for a moment in seconds since the epoch: one for all files of a version."""
    return formatdate(seconds, usegmt=True)


def _count_sent(request: web.Request, target: Target, count: int) -> None:
    count_file_bytes(target, count)
    request[BYTES_STREAMED] += count


def _cut(request: web.Request, reason: str) -> None:
    """Abort the connection: the status line was sent, so there is no other way to report an error."""
    CUT.inc()
    log.warning("transfer cut", reason=reason)
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

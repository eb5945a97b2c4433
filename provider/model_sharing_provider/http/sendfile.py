"""sendfile(2) of local files: the kernel sends them, in a thread, while the event loop does other things.

To read and write each piece itself held the event loop, and the interpreter, for half of the time of a fast
transfer. A thread never waits for a client: the event loop watches the socket, and a thread moves what the
socket takes.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from io import FileIO

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from model_sharing_protocol.errors import CorruptArtifact

SLICE_BYTES = 1024 * 1024


def can_sendfile(request: web.Request) -> bool:
    """True for a connection in the clear: for TLS, the bytes have to be encrypted here."""
    return hasattr(os, "sendfile") and not request.secure


async def send_range(
    request: web.Request,
    head: AbstractStreamWriter,
    file: FileIO,
    span: tuple[int, int],
    *,
    sent: Callable[[int], None],
    seconds: float,
) -> None:
    """Send a range of a file after the `head` of its response; `sent` is told the bytes of each step.

    Once it has ended, however it did, nothing more leaves. Raises ConnectionError, TimeoutError for a client
    that takes less than 1 MiB in `seconds`, CorruptArtifact for a file that ends early.
    """
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("The client closed the connection.")
    await _flush(transport, head)
    position, end = span
    # A descriptor of its own: the transport may close its one while a thread sends, and another connection
    # may be given the same number.
    with transport.get_extra_info("socket").dup() as connection:
        while position < end:
            slice_end = min(position + SLICE_BYTES, end)
            async with asyncio.timeout(seconds):
                while position < slice_end:
                    await _writable(connection)
                    position += await _move(connection, file, position, slice_end - position, sent)


async def _flush(transport: asyncio.Transport, head: AbstractStreamWriter) -> None:
    """Wait until the transport has nothing left to send."""
    transport.set_write_buffer_limits(high=0)
    try:
        await head.drain()
    finally:
        if not transport.is_closing():
            transport.set_write_buffer_limits()


async def _writable(connection: socket.socket) -> None:
    """Wait until a socket takes bytes, or fails."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(connection)


async def _move(
    connection: socket.socket, file: FileIO, position: int, count: int, sent: Callable[[int], None]
) -> int:
    """Send at most `count` bytes, in a thread; return how many."""
    loop = asyncio.get_running_loop()
    moving = loop.run_in_executor(None, os.sendfile, connection.fileno(), file.fileno(), position, count)
    try:
        moved = await asyncio.shield(moving)
    except BlockingIOError:
        return 0
    except asyncio.CancelledError:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # else the thread would go on, by a disk that is slow
        await asyncio.wait((moving,))
        if moving.exception() is None:
            sent(moving.result())
        raise
    if not moved:
        raise CorruptArtifact(f"The file ends before byte {position + count}.")
    sent(moved)
    return moved

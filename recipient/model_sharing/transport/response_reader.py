"""Response reader, within bounds: whole bodies, lines, messages.

What comes out is bytes or a message whose values have the form that the protocol gives them; anything else is
NotASharingServer, or TooSlow for what does not come on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar

import msgspec

from model_sharing.transport import bounds
from model_sharing_protocol.errors import NotASharingServer

if TYPE_CHECKING:
    from model_sharing.transport.http_response import Response

T = TypeVar("T")


class TooLarge(NotASharingServer):
    """Response of more bytes than it may have."""


async def read_bounded(response: Response, limit: int | None = None) -> bytes:
    """Read the whole body; TooLarge if it has more than `limit` bytes; default: those of a message."""
    most = bounds.MESSAGE_BYTES if limit is None else limit
    body = bytearray()
    async for chunk in _chunks(response, most):
        body += chunk
    return bytes(body)


async def read_lines(response: Response) -> AsyncIterator[bytes]:
    """Read the body's lines without their ends; NotASharingServer for one, or a body, that never ends."""
    line = bytearray()
    count = 0
    async for chunk in _chunks(response, bounds.QUERY_BYTES):
        *ends, rest = chunk.split(b"\n")
        count += len(ends)
        for end in ends:
            line += end
            if line.strip():
                yield bytes(line)
            line.clear()
        line += rest
        if len(line) > bounds.LINE_BYTES:
            raise NotASharingServer(f"{response.origin} sent a line of more than {bounds.LINE_BYTES} bytes.")
        if count > bounds.LINES:
            raise NotASharingServer(f"{response.origin} sent more than {bounds.LINES} lines.")
    if line.strip():
        yield bytes(line)


def decode(data: bytes, kind: type[T], origin: str) -> T:
    """Decode `data` as the message `kind`; NotASharingServer, naming the value, if it is none."""
    if count_values(data) > bounds.VALUES:
        raise NotASharingServer(f"{origin} sent a message of more than {bounds.VALUES} values.")
    return parse(data, kind, origin)


def parse(data: bytes, kind: type[T], origin: str) -> T:
    """Decode `data` where `kind` bounds the memory that its values take, however many there are."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise NotASharingServer(
            f"{origin} answered with a response that is not an OpenSharing message: {error}. "
            "Check the endpoint in the profile file; if it is right, tell the provider."
        ) from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise NotASharingServer(
            f"{origin} answered with a response that is not an OpenSharing message. "
            "Check the endpoint in the profile file."
        ) from error


def count_values(data: bytes) -> int:
    """Count the values of a JSON text, at most, without making them: they cost far more than their text."""
    return 1 + data.count(b",") + data.count(b"[") + data.count(b"{")


async def _chunks(response: Response, limit: int) -> AsyncIterator[bytes]:
    """Read the body as it arrives, at most `limit` bytes of it; TooSlow once it hardly does."""
    rate = bounds.MinimumRate()
    size = 0
    while True:
        with rate.waiting():
            async with asyncio.timeout(rate.seconds_left()):
                chunk = await response.read_some()
        if not chunk:
            return
        rate.add_bytes(len(chunk))
        size += len(chunk)
        if size > limit:
            raise TooLarge(
                f"{response.origin} sent an answer of more than {limit} bytes; it was not read on."
            )
        yield chunk

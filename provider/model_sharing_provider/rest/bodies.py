"""Request bodies: JSON into the message that a route takes, or an error that says what does not fit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.http import HttpProcessingError

from model_sharing_protocol.errors import MalformedRequest

T = TypeVar("T")
BAD_BODY = web.RequestPayloadError | HttpProcessingError
"""What reading a body raises that is not sent as HTTP/1.1 asks; the message quotes it."""
BODY_SECONDS = 15.0
# Not every database can keep one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


async def read_body(request: web.Request, message: type[T]) -> T:
    """The body as a `message`. Raises MalformedRequest for what is not one, or too large."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = await request.read()
        if _NUL.search(content):
            raise MalformedRequest("The request body has a NUL character in a string; leave it out.")
        return msgspec.json.decode(content, type=message)
    except TimeoutError as error:
        raise MalformedRequest(
            f"The request body did not arrive within {BODY_SECONDS:.0f} seconds."
        ) from error
    except web.HTTPRequestEntityTooLarge as error:
        raise MalformedRequest("The request body is too large.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The request body cannot be read: {error}.") from error


async def arriving(request: web.Request) -> AsyncIterator[bytes]:
    """A body of any size, as it comes. Raises MalformedRequest when nothing comes for 15 seconds."""
    try:
        while True:
            async with asyncio.timeout(BODY_SECONDS):
                chunk = await request.content.readany()
            if not chunk:
                return
            yield chunk
    except TimeoutError as error:
        raise MalformedRequest(
            f"Nothing of the request body has arrived for {BODY_SECONDS:.0f} seconds."
        ) from error

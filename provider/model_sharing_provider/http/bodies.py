"""Request bodies: JSON into the message that a route takes, or an error that says what does not fit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec
from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from model_sharing_protocol.errors import MalformedRequest, UnsupportedEncoding

T = TypeVar("T")
BAD_BODY = web.RequestPayloadError | HttpProcessingError
"""What reading a body raises that is not sent as HTTP/1.1 asks; the message quotes it."""
_NOT_SERVED = re.compile(r"Expected `null`, got `\w+` - at `\$\.(.+)`")
BODY_SECONDS = 15.0
# Not every database can keep one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def refuse_encoded(request: web.Request) -> None:
    """Raise UnsupportedEncoding for a body that is not sent as it is: unpacked, it has no bound."""
    codings = _listed(request, hdrs.CONTENT_ENCODING)
    if any(coding != "identity" for coding in codings):
        raise UnsupportedEncoding("The request's body has a Content-Encoding; send it as it is, without one.")
    if any(coding != "chunked" for coding in _listed(request, hdrs.TRANSFER_ENCODING)):
        raise UnsupportedEncoding("The request's body has a Transfer-Encoding other than chunked.")


def _listed(request: web.Request, header: str) -> list[str]:
    lines = request.headers.getall(header, ())
    return [part.strip().lower() for line in lines for part in line.split(",")]


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
    except msgspec.ValidationError as error:
        raise MalformedRequest(f"The request body cannot be read: {_told(error)}.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The request body cannot be read: {error}.") from error


def _told(error: msgspec.ValidationError) -> str:
    """What does not fit; of a field that is not served, that it is to be left out."""
    where = _NOT_SERVED.fullmatch(str(error))
    return f"{where[1]} is not served here; leave it out" if where else str(error)


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

"""Request bodies: JSON decoded into a route's message type, or an error that names what is wrong."""

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
BODY_ERRORS = web.RequestPayloadError | HttpProcessingError
"""Errors of reading a body that breaks HTTP/1.1; their messages quote the body."""
_NOT_SERVED = re.compile(r"Expected `null`, got `\w+` - at `\$\.(.+)`")
BODY_SECONDS = 15.0
# PostgreSQL's text has no NUL.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def refuse_encoded_body(request: web.Request) -> None:
    """Raise UnsupportedEncoding for a compressed body: it could grow without bound."""
    codings = _listed(request, hdrs.CONTENT_ENCODING)
    if any(coding != "identity" for coding in codings):
        raise UnsupportedEncoding("The request body has a Content-Encoding; send it without one.")
    if any(coding != "chunked" for coding in _listed(request, hdrs.TRANSFER_ENCODING)):
        raise UnsupportedEncoding("The request body has a Transfer-Encoding other than chunked.")


def _listed(request: web.Request, header: str) -> list[str]:
    lines = request.headers.getall(header, ())
    return [part.strip().lower() for line in lines for part in line.split(",")]


async def read_body(request: web.Request, message: type[T]) -> T:
    """Body as a `message`. Raises MalformedRequest for one that is invalid, too large or too slow."""
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
        raise MalformedRequest(f"The request body cannot be read: {_problem(error)}.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The request body cannot be read: {error}.") from error


def _problem(error: msgspec.ValidationError) -> str:
    """Problem with a body, in plain words if the body has a field that is not supported."""
    where = _NOT_SERVED.fullmatch(str(error))
    return f"{where[1]} is not supported here; leave it out" if where else str(error)


async def body_chunks(request: web.Request) -> AsyncIterator[bytes]:
    """Body of any size, in chunks as they arrive. Raises MalformedRequest after 15 seconds without one."""
    try:
        while True:
            async with asyncio.timeout(BODY_SECONDS):
                chunk = await request.content.readany()
            if not chunk:
                return
            yield chunk
    except TimeoutError as error:
        raise MalformedRequest(
            f"No data of the request body has arrived for {BODY_SECONDS:.0f} seconds."
        ) from error

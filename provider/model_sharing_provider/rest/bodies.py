"""Request bodies: JSON into the message that a route takes, or an error that says what does not fit."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import MalformedRequest

T = TypeVar("T")
# Not every database can keep one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


async def read_body(request: web.Request, message: type[T]) -> T:
    """The body as a `message`. Raises MalformedRequest for what is not one, or too large."""
    try:
        content = await request.read()
        if _NUL.search(content):
            raise MalformedRequest("The request body has a NUL character in a string; leave it out.")
        return msgspec.json.decode(content, type=message)
    except web.HTTPRequestEntityTooLarge as error:
        raise MalformedRequest("The request body is too large.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The request body cannot be read: {error}.") from error

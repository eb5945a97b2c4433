"""Request bodies: JSON into the message that a route takes, or an error that says what does not fit."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import MalformedRequest

T = TypeVar("T")


async def read_body(request: web.Request, message: type[T]) -> T:
    """The body as a `message`. Raises MalformedRequest for what is not one, or too large."""
    try:
        return msgspec.json.decode(await request.read(), type=message)
    except web.HTTPRequestEntityTooLarge as error:
        raise MalformedRequest("The request body is too large.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"The request body cannot be read: {error}.") from error

"""Requests and responses of MLflow: messages in queries and bodies, version numbers."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.mlflow_registry import JSON, VersionRequest
from model_sharing_protocol.names import FullName, parse_version
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import MODEL_NAME, VERSION
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Query

T = TypeVar("T")

VERSION_QUERY = (Query("name", MODEL_NAME, required=True), Query("version", VERSION, required=True))
"""Query that names a version."""


def message_response(
    body: msgspec.Struct | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    """JSON response with a message, or with an empty object."""
    return json_response(body if body is not None else {}, JSON, headers=headers)


async def read_message(request: web.Request, message: type[T]) -> T:
    """Message of a request: MLflow sends it in the query of a GET, else in the body, of a DELETE too."""
    if request.method != "GET" and request.can_read_body:
        return await read_body(request, message)
    try:
        return msgspec.convert(dict(request.query), message, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidParameter(f"The query is invalid: {error}.") from error


def version_number(version: str | int) -> int:
    """Version number, which MLflow sends as text or as a number."""
    return parse_version(str(version))


async def requested_version(request: web.Request) -> tuple[FullName, int]:
    """Model and version that a request names."""
    asked = await read_message(request, VersionRequest)
    return FullName.parse(asked.name), version_number(asked.version)

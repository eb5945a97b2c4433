"""A face's table of routes → its OpenAPI 3.1 document, with the schemas of its messages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from model_sharing_protocol.errors import (
    InternalError,
    InvalidParameter,
    LocalError,
    NotFound,
    PermissionDenied,
    SharingError,
    Unauthenticated,
)
from model_sharing_provider.faces.openapi.routes import (
    NOT_MODIFIED,
    PLACES,
    Errors,
    Face,
    Listing,
    Media,
    Query,
    Route,
)

_OF_EVERY_ROUTE = (InvalidParameter, Unauthenticated, PermissionDenied, InternalError)
_PLACE = re.compile(r"\{(\w+)\}")


def document(face: Face) -> dict[str, Any]:
    """The OpenAPI document of a face."""
    messages = list(dict.fromkeys(_messages(face)))
    references, schemas = msgspec.json.schema_components(messages, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(messages, references, strict=True))
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in face.routes:
        paths[_path(route)][route.method.lower()] = _operation(face, route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": face.title, "description": face.about, "version": version("model-sharing")},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": _error_responses(face, schema_of),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _messages(face: Face) -> Iterator[Any]:
    """Every message type that the face speaks."""
    yield face.errors.message
    for route in face.routes:
        for part in (route.answer, route.body):
            match part:
                case None | Media(line=None):
                    pass
                case Media(line=message) | Listing(item=message) | message:
                    yield message


def _operation(face: Face, route: Route, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    answer = _content(face, route.answer, schema_of)
    responses: dict[str, Any] = {
        str(status): {"description": HTTPStatus(status).phrase, **(answer if status != NOT_MODIFIED else {})}
        for status in route.statuses
    }
    for error in _errors(route):
        status, _ = face.errors.look(error.row)
        responses[str(status)] = {"$ref": f"#/components/responses/{_response_name(status)}"}
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-zA-Z0-9]+', '_', _path(route))}".rstrip("_"),
        "summary": route.summary,
        "parameters": [*_places(route), *map(_query, route.query)],
        "responses": responses,
    }
    if route.body is not None:
        operation["requestBody"] = {"required": route.body_required, **_content(face, route.body, schema_of)}
    if route.public:
        operation["security"] = []
    return operation


def _path(route: Route) -> str:
    return route.written or route.path


def _content(face: Face, part: Any, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    match part:
        case None:
            return {}
        case Media(media_type, line):
            schema: dict[str, Any] = {} if line is None else {"description": f"Each line: {line.__name__}"}
            return {"content": {media_type: {"schema": schema}}}
        case Listing(key, item):
            items = {"type": "array", "items": schema_of[item]}
            properties = {key: items, "next_page_token": {"type": "string"}}
            listing = {"type": "object", "properties": properties, "required": [key]}
            return {"content": {face.json: {"schema": listing}}}
        case message:
            return {"content": {face.json: {"schema": schema_of[message]}}}


def _errors(route: Route) -> Iterator[type[SharingError]]:
    if route.public:
        yield InternalError
    else:
        yield from _OF_EVERY_ROUTE
        if "{" in _path(route):
            yield NotFound
    yield from route.errors


def _places(route: Route) -> Iterator[dict[str, Any]]:
    for name in _PLACE.findall(_path(route)):
        schema = route.places.get(name) or PLACES[name]
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query(query: Query) -> dict[str, Any]:
    return {"name": query.name, "in": "query", "required": query.required, "schema": query.schema}


def _error_responses(face: Face, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    """One response a status, with the codes that come with it."""
    codes: dict[int, set[str]] = defaultdict(set)
    for error in _subclasses(SharingError):
        if not issubclass(error, LocalError):
            status, code = face.errors.look(error.row)
            codes[status].add(code)
    return {
        _response_name(status): {
            "description": HTTPStatus(status).phrase,
            "content": {face.json: {"schema": _error_schema(face.errors, sorted(words), schema_of)}},
        }
        for status, words in sorted(codes.items())
    }


def _error_schema(errors: Errors, codes: list[str], schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    return {"allOf": [schema_of[errors.message], {"properties": {errors.code_field: {"enum": codes}}}]}


def _response_name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")


def _subclasses(kind: type[SharingError]) -> Iterator[type[SharingError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)

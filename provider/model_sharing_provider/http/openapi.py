"""OpenAPI 3.1 documents, derived from the routes of faces and the schemas of their messages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
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
from model_sharing_provider.http.errors import ErrorStyle
from model_sharing_provider.http.routes import Face, Media, PageOf, Query, Route, Schema

Schemas = Mapping[Any, Any]
"""Message type → reference to its schema."""

_AUTHENTICATED_ERRORS = (InvalidParameter, Unauthenticated, PermissionDenied, InternalError)
_PARAMETER = re.compile(r"\{(\w+)\}")
_NO_BODY = HTTPStatus.NOT_MODIFIED


def document(head: Face, faces: Iterable[Face]) -> dict[str, Any]:
    """OpenAPI document of the face `head`, and of those `faces` that are documented in it."""
    others = (face for face in faces if face.documented_in == head.name)
    described = [(face, route) for face in (head, *others) for route in face.routes if route.summary]
    messages = list(dict.fromkeys([head.errors.message, *_messages(route for _, route in described)]))
    references, schemas = msgspec.json.schema_components(messages, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(messages, references, strict=True))
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for face, route in described:
        for path in face.documented_paths(route):
            paths[path][route.method.lower()] = _operation(face, route, path, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": head.title, "description": head.description, "version": version("model-sharing")},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": _error_responses(head.errors, schema_of),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _messages(routes: Iterable[Route]) -> Iterator[Any]:
    for route in routes:
        for part in (route.response, route.body):
            match part:
                case None | Media(line=None):
                    pass
                case Media(line=message) | PageOf(item=message) | message:
                    yield message


def _operation(face: Face, route: Route, path: str, schema_of: Schemas) -> dict[str, Any]:
    media_type = face.errors.media_type
    content = _content(route.response, media_type, schema_of)
    responses: dict[str, Any] = {
        str(status): {"description": HTTPStatus(status).phrase, **(content if status != _NO_BODY else {})}
        for status in route.statuses
    }
    for error in _errors(face, route, path):
        status, _ = face.errors.look_up(error.row)
        responses[str(status)] = {"$ref": f"#/components/responses/{_response_name(status)}"}
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-zA-Z0-9]+', '_', path)}".rstrip("_"),
        "summary": route.summary,
        "parameters": [*_path_parameters(face, route, path), *map(_query_parameter, route.query)],
        "responses": responses,
    }
    if route.body is not None:
        body = _content(route.body, media_type, schema_of)
        operation["requestBody"] = {"required": route.body_required, **body}
    if face.authentication is None:
        operation["security"] = []
    return operation


def _content(part: Any, media_type: str, schema_of: Schemas) -> dict[str, Any]:
    match part:
        case None:
            return {}
        case Media(other_type, line):
            schema: Schema = {} if line is None else {"description": f"Each line: {line.__name__}"}
            return {"content": {other_type: {"schema": schema}}}
        case PageOf(key, item):
            items = {"type": "array", "items": schema_of[item]}
            properties = {key: items, "next_page_token": {"type": "string"}}
            page = {"type": "object", "properties": properties, "required": [key]}
            return {"content": {media_type: {"schema": page}}}
        case message:
            return {"content": {media_type: {"schema": schema_of[message]}}}


def _errors(face: Face, route: Route, path: str) -> Iterator[type[SharingError]]:
    if face.authentication is None:
        yield InternalError
    else:
        yield from _AUTHENTICATED_ERRORS
        if "{" in path:
            yield NotFound
    yield from route.errors


def _path_parameters(face: Face, route: Route, path: str) -> Iterator[dict[str, Any]]:
    schemas = {**face.parameters, **route.parameters}
    for name in _PARAMETER.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": schemas[name]}


def _query_parameter(query: Query) -> dict[str, Any]:
    return {"name": query.name, "in": "query", "required": query.required, "schema": query.schema}


def _error_responses(style: ErrorStyle, schema_of: Schemas) -> dict[str, Any]:
    """Error responses: one for each status, with all codes that come with it."""
    codes: dict[int, set[str]] = defaultdict(set)
    for error in _subclasses(SharingError):
        if not issubclass(error, LocalError):
            status, code = style.look_up(error.row)
            codes[status].add(code)
    return {
        _response_name(status): {
            "description": HTTPStatus(status).phrase,
            "content": {style.media_type: {"schema": _error_schema(style, sorted(words), schema_of)}},
        }
        for status, words in sorted(codes.items())
    }


def _error_schema(style: ErrorStyle, codes: list[str], schema_of: Schemas) -> dict[str, Any]:
    return {"allOf": [schema_of[style.message], {"properties": {style.code_field: {"enum": codes}}}]}


def _response_name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")


def _subclasses(kind: type[SharingError]) -> Iterator[type[SharingError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)

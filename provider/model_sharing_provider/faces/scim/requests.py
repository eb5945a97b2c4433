"""Requests of SCIM: pages by index, filters on names, and patches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.domain.principals import NameFilter, PrincipalInfo, PrincipalType
from model_sharing_provider.faces.scim.messages import LIST, PatchOperation, Resource, ResourceList
from model_sharing_provider.http.parameter_schemas import TEXT
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Query

LISTED = (Query("filter", TEXT), Query("startIndex", TEXT), Query("count", TEXT))
_FILTER = re.compile(r'\s*(\w+)\s+(\w+)\s+"?((?:[^"\\]|\\.)*?)"?\s*')
_FILTERED = ("username", "displayname", "applicationid")


async def list_resources(
    request: web.Request, kinds: Iterable[PrincipalType], show: Callable[[PrincipalInfo], Resource]
) -> web.Response:
    """Page of the principals of these kinds. Raises InvalidParameter for a filter that is not supported."""
    start = max(_number(request, "startIndex", 1), 1)
    directory = provider_of(request).directory
    found, total = await directory.listed(
        context_of(request),
        kinds,
        _name_filter(request.query.get("filter", "")),
        after=start - 1,
        limit=_number(request, "count", 100),
    )
    shown = tuple(map(show, found))
    return json_response(ResourceList((LIST,), total, start, len(shown), shown), JSON)


def operations_of(operations: Iterable[PatchOperation]) -> Iterable[tuple[str, str, Any]]:
    """Operations of a patch, each with the attribute that it changes and the value.

    An operation without a path changes the attributes of its value, which is an object. Raises
    InvalidParameter for another operation than `add`, `remove` and `replace`.
    """
    for operation in operations:
        op = operation.op.lower()
        if op not in ("add", "remove", "replace"):
            raise InvalidParameter(f"The operation {operation.op!r} is unknown; give add, remove or replace.")
        if operation.path:
            yield op, operation.path, operation.value
        elif isinstance(operation.value, dict):
            for attribute, value in operation.value.items():
                yield op, attribute, value
        else:
            raise InvalidParameter(
                f"The operation {op} needs a path, or an object of attributes as its value."
            )


def truth(value: Any) -> bool:
    """Truth value of `active`, as clients write it: also as text, and in a list. Raises InvalidParameter."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise InvalidParameter(f"{msgspec.json.encode(value).decode()[:100]} is neither true nor false.")


def _name_filter(text: str) -> NameFilter | None:
    if not text:
        return None
    found = _FILTER.fullmatch(text)
    if found is None or found[1].lower() not in _FILTERED or found[2].lower() not in NameFilter.OPERATORS:
        raise InvalidParameter(
            f"The filter {text!r} is not supported; give one such as 'userName eq \"ann@example.com\"', by "
            "userName, displayName or applicationId, with eq, ne, sw or co."
        )
    return NameFilter(found[2].lower(), re.sub(r"\\(.)", r"\1", found[3]))


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise InvalidParameter(f"{name}={text!r} is not a whole number.")
    return int(text)

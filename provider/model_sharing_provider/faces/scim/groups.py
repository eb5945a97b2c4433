"""Groups and their members: `Groups`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, NotFound
from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.domain.principals import MemberChange, PrincipalInfo, PrincipalType
from model_sharing_provider.faces.scim.messages import (
    GROUP,
    GivenResource,
    PatchRequest,
    Reference,
    Resource,
    ResourceList,
)
from model_sharing_provider.faces.scim.requests import LISTED, list_resources, operations_of
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Nothing, Route

_KINDS = (PrincipalType.GROUP,)
_ONE_MEMBER = re.compile(r'members\[\s*value\s+eq\s+"?([^"\]]+)"?\s*\]', re.IGNORECASE)


async def list_groups(request: web.Request) -> web.Response:
    return await list_resources(request, _KINDS, _group)


async def create_group(request: web.Request) -> web.Response:
    body = await read_body(request, GivenResource)
    if not body.display_name:
        raise InvalidParameter("A group needs a displayName.")
    members = [each.value for each in body.members or ()]
    directory = provider_of(request).directory
    return json_response(
        _group(await directory.create_group(context_of(request), body.display_name, members)), JSON
    )


async def get_group(request: web.Request) -> web.Response:
    return json_response(_group(await _find(request)), JSON)


async def replace_group(request: web.Request) -> web.Response:
    """Make the members those that are given; without any, they stay."""
    body = await read_body(request, GivenResource)
    ids = None if body.members is None else frozenset(each.value for each in body.members)
    return await _change(request, [] if ids is None else [MemberChange("replace", ids)])


async def patch_group(request: web.Request) -> web.Response:
    """Add and remove members, in order, all or none."""
    body = await read_body(request, PatchRequest)
    changes = []
    for op, path, value in operations_of(body.operations):
        if one := _ONE_MEMBER.fullmatch(path):
            changes.append(MemberChange(op, frozenset({one[1]})))
        elif path.lower() == "members":
            removes_all = op == "remove" and value is None
            changes.append(MemberChange(op, None if removes_all else _ids(value)))
    return await _change(request, changes)


async def _change(request: web.Request, changes: Sequence[MemberChange]) -> web.Response:
    directory = provider_of(request).directory
    changed = await directory.change_members(context_of(request), request.match_info["id"], changes)
    return json_response(_group(changed), JSON)


async def delete_group(request: web.Request) -> web.Response:
    found = await _find(request)
    await provider_of(request).principals.delete(context_of(request), found.principal.name)
    return json_response({}, JSON)


async def _find(request: web.Request) -> PrincipalInfo:
    directory = provider_of(request).directory
    return await directory.find(context_of(request), request.match_info["id"], _KINDS)


def _ids(value: Any) -> frozenset[str]:
    """Ids in the value of an operation on members. Raises InvalidParameter."""
    try:
        given = msgspec.convert(value if isinstance(value, list) else [value], list[Reference])
    except msgspec.ValidationError as error:
        raise InvalidParameter('Members are given by their ids: [{"value": "…"}].') from error
    return frozenset(each.value for each in given)


def _group(info: PrincipalInfo) -> Resource:
    return Resource(
        id=info.principal.id,
        display_name=info.principal.name,
        schemas=(GROUP,),
        members=tuple(Reference(member.id, member.name) for member in info.member_principals),
    )


ROUTES = (
    Route("GET", "/Groups", list_groups, "The groups", ResourceList, query=LISTED),
    Route(
        "POST",
        "/Groups",
        create_group,
        "New group",
        Resource,
        GivenResource,
        errors=(AlreadyExists, NotFound),
    ),
    Route("GET", "/Groups/{id}", get_group, "A group with its members", Resource, errors=(NotFound,)),
    Route("PUT", "/Groups/{id}", replace_group, "Set the members of a group", Resource, GivenResource),
    Route("PATCH", "/Groups/{id}", patch_group, "Add and remove members", Resource, PatchRequest),
    Route("DELETE", "/Groups/{id}", delete_group, "Delete a group", Nothing, errors=(NotFound,)),
)

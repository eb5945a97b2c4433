"""The caller itself: SCIM's `Me`."""

from __future__ import annotations

import msgspec
from aiohttp import web

from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Route


class Group(msgspec.Struct):
    value: str
    display: str


class Me(msgspec.Struct, rename="camel"):
    """Principal that the token belongs to."""

    id: str
    user_name: str
    display_name: str
    active: bool
    groups: tuple[Group, ...]


async def who_am_i(request: web.Request) -> web.Response:
    """Principal that the token belongs to, with its groups."""
    principal = await provider_of(request).principals.who_am_i(context_of(request))
    groups = tuple(Group(group.id, group.name) for group in principal.all_groups)
    return json_response(Me(principal.id, principal.name, principal.name, True, groups), JSON)


ROUTES = (Route("GET", "/Me", who_am_i, "Principal that the token belongs to", Me),)

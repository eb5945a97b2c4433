"""The caller itself: SCIM's `Me`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.faces.scim.messages import USER, Reference, Resource
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Route


async def who_am_i(request: web.Request) -> web.Response:
    """Principal that the token belongs to, with its groups."""
    principal = await provider_of(request).principals.who_am_i(context_of(request))
    me = Resource(
        id=principal.id,
        display_name=principal.name,
        schemas=(USER,),
        user_name=principal.name,
        active=True,
        groups=tuple(Reference(group.id, group.name) for group in principal.groups),
    )
    return json_response(me, JSON)


ROUTES = (Route("GET", "/Me", who_am_i, "Principal that the token belongs to", Resource),)

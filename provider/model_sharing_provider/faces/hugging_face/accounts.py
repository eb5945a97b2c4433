"""Accounts: the holder of a token, a recipient or a principal."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.hugging_face import messages, paths
from model_sharing_protocol.names import normalize_name
from model_sharing_provider.http.requests import PRINCIPAL, context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Route


async def whoami(request: web.Request) -> web.Response:
    """Holder of the token, with the share of the endpoint, or a principal's groups, as organizations."""
    context, provider = context_of(request), provider_of(request)
    if "share" in request.match_info:
        name = normalize_name("share", request.match_info["share"])
        share = await provider.recipient_view.get_share(context, name)
        holder, organizations = request[PRINCIPAL], [messages.Organization(share.id, share.name)]
    else:
        holder = await provider.principals.who_am_i(context)
        organizations = [messages.Organization(group.id, group.name) for group in holder.all_groups]
    answer = messages.Whoami(id=holder.id, name=holder.name, orgs=tuple(organizations))
    return json_response(answer, messages.JSON)


ROUTES = (Route("GET", paths.WHOAMI, whoami, "The holder of the token", messages.Whoami, errors=(NotFound,)),)

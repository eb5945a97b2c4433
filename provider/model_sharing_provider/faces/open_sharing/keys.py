"""Signing keys of the provider: `keys`, an extension."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.open_sharing import JSON
from model_sharing_protocol.signing_keys import KeyList
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Route


async def list_keys(request: web.Request) -> web.Response:
    """Public keys that versions are signed with, and the origins that files may come from."""
    provider = provider_of(request)
    keys = await provider.signing.list_keys(context_of(request))
    return json_response(KeyList(keys, await provider.recipient_files.file_origins()), JSON)


ROUTES = (Route("GET", "/keys", list_keys, "EXTENSION: the keys that responses are signed with", KeyList),)

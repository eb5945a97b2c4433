"""Signature of a version: the key that vouches for its files, and the lines that verify them."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import SharingError
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import render
from model_sharing_provider.faces.explorer.versions import version_of
from model_sharing_provider.http.requests import context_of, provider_of


async def show_signature(request: web.Request) -> web.Response:
    """Key that signs it for recipients; for a version of another provider, its signature, checked."""
    provider, context = provider_of(request), context_of(request)
    name, number = version_of(request)
    version = await provider.versions.get(context, name, number)
    keys = await provider.signing.list_keys(context)
    origin, problem = None, ""
    if version.origin is not None:
        try:
            origin = await provider.origin_signatures.check(context, name, number)
        except SharingError as error:
            problem = error.message
    return render(
        request,
        "version_signature.html",
        version=version,
        name=name,
        tab="Signature",
        key=keys[-1],
        fingerprint=PublicKey.parse(keys[-1].pem).fingerprint,
        origin=origin,
        problem=problem,
    )


ROUTES = (page("/models/{full_name}/versions/{version}/signature", show_signature),)

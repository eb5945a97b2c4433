"""Signatures of versions from other providers: `models/…/versions/…/signature`, an extension."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog_extensions as wire
from model_sharing_provider.faces.unity_catalog.requests import message_response, model_name, version_number
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Route


async def get_signature(request: web.Request) -> web.Response:
    """Signature of a version that came from another provider, after it was checked."""
    signatures = provider_of(request).origin_signatures
    found = await signatures.check(context_of(request), model_name(request), version_number(request))
    return message_response(
        wire.OriginSignatureInfo(
            signed_as=str(found.signed_name),
            key_fingerprint=found.key.fingerprint,
            num_files=found.num_files,
            bundle=found.bundle,
            public_key=found.key.pem,
        )
    )


ROUTES = (
    Route(
        "GET",
        "/models/{full_name}/versions/{version}/signature",
        get_signature,
        "EXTENSION: the signature of a version from another provider, just checked",
        wire.OriginSignatureInfo,
    ),
)

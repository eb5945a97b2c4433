"""Recalls of versions: `models/…/versions/…/recall`, an extension."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol import unity_catalog_extensions as extensions
from model_sharing_provider.faces.unity_catalog.requests import model_name, version_number
from model_sharing_provider.faces.unity_catalog.version_messages import version_response
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Route


async def recall_version(request: web.Request) -> web.Response:
    body = await read_body(request, extensions.RecallModelVersion)
    name, number = model_name(request), version_number(request)
    recalls = provider_of(request).recalls
    recalled = await recalls.recall(context_of(request), name, number, body.reason, body.replacement_version)
    return version_response(request, recalled)


async def lift_recall(request: web.Request) -> web.Response:
    name, number = model_name(request), version_number(request)
    return version_response(
        request, await provider_of(request).recalls.lift(context_of(request), name, number)
    )


_RECALL = "/models/{full_name}/versions/{version}/recall"

ROUTES = (
    Route(
        "POST",
        _RECALL,
        recall_version,
        "EXTENSION: recall a version",
        wire.ModelVersionInfo,
        extensions.RecallModelVersion,
    ),
    Route("DELETE", _RECALL, lift_recall, "EXTENSION: lift the recall of a version", wire.ModelVersionInfo),
)

"""Version messages: a model version as Unity Catalog shows it."""

from __future__ import annotations

import msgspec
from aiohttp import hdrs, web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol import unity_catalog_extensions as extensions
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.faces.unity_catalog.requests import aliases, message_response, tags
from model_sharing_provider.http.forwarded_headers import client_address
from model_sharing_provider.http.requests import provider_of
from model_sharing_provider.http.version_fields import format_fields, logged_model_id, storage_location


def version_response(request: web.Request, version: ModelVersion) -> web.Response:
    """Response with one version."""
    return message_response(version_message(request, version))


def version_message(request: web.Request, version: ModelVersion) -> wire.ModelVersionInfo:
    """Message about a version."""
    name = version.full_name
    return wire.ModelVersionInfo(
        model_name=name.name,
        catalog_name=name.catalog,
        schema_name=name.schema,
        version=version.version,
        status=version.status.value,
        comment=version.comment,
        source=version.source,
        run_id=version.run_id,
        id=version.id,
        model_id=logged_model_id(version),
        aliases=aliases((alias, version.version) for alias in version.aliases),
        tags=tags(version.tags),
        storage_location=_location(request, version),
        created_at=version.created_at,
        created_by=version.created_by,
        updated_at=version.updated_at,
        updated_by=version.updated_by,
        recalled=_recall(version),
        origin=_origin(version),
        **format_fields(version, extensions.SummaryInfo),
    )


def _location(request: web.Request, version: ModelVersion) -> str:
    provider = provider_of(request)
    # A request that was forwarded may come from anywhere, whatever proxies are trusted to say.
    forwarded = hdrs.FORWARDED in request.headers or hdrs.X_FORWARDED_FOR in request.headers
    folder = None if forwarded else provider.file_locations.location(client_address(request), version)
    return folder or storage_location(provider, version)


def _recall(version: ModelVersion) -> extensions.RecallInfo | None:
    recall = version.recall
    return extensions.RecallInfo(recall.reason, recall.at, recall.replacement) if recall else None


def _origin(version: ModelVersion) -> extensions.OriginInfo | None:
    return (
        msgspec.convert(version.origin, extensions.OriginInfo, from_attributes=True)
        if version.origin
        else None
    )

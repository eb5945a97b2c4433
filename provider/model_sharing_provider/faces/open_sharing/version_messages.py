"""Version messages: a model version as recipients see it."""

from __future__ import annotations

import msgspec
from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.dsse import Envelope
from model_sharing_provider.domain.sharing import SharedVersion
from model_sharing_provider.http.requests import provider_of
from model_sharing_provider.http.version_fields import format_fields, storage_location


def version_message(
    request: web.Request, shown: SharedVersion, state: Envelope | None = None
) -> wire.ModelVersion:
    """Message about a version, with its signed state where there is one."""
    version = shown.version
    return wire.ModelVersion(
        model_name=shown.shared_name.name,
        schema=shown.shared_name.schema,
        share=shown.share.name,
        version=version.version,
        status=version.status.value,
        storage_location=storage_location(provider_of(request), version),
        id=version.id,
        run_id=version.run_id or None,
        comment=version.comment or None,
        aliases=version.aliases,
        tags=version.tags,
        signature=version.signature,
        size=version.size,
        digest=version.digest,
        created_at=version.created_at,
        recalled=version.recall,
        origin=msgspec.convert(version.origin, wire.Origin, from_attributes=True) if version.origin else None,
        state=state,
        **format_fields(version, wire.ModelSummary),
    )

"""Version messages: a model version as MLflow gets it."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import mlflow_registry as wire
from model_sharing_protocol.recalls import recalled_error
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.faces.mlflow_registry.requests import (
    message_response,
)
from model_sharing_provider.http.requests import provider_of
from model_sharing_provider.http.version_fields import logged_model_id, storage_location


def version_response(request: web.Request, version: ModelVersion) -> web.Response:
    """Response with one version."""
    return message_response(wire.ModelVersionAnswer(version_message(request, version)))


def version_message(request: web.Request, version: ModelVersion) -> wire.ModelVersion:
    """Message about a version."""
    return wire.ModelVersion(
        name=str(version.full_name),
        version=str(version.version),
        creation_timestamp=version.created_at,
        last_updated_timestamp=version.updated_at,
        user_id=version.created_by,
        status=version.status.value,
        status_message=_status_message(version),
        storage_location=storage_location(provider_of(request), version),
        model_id=logged_model_id(version),
        description=version.comment,
        source=version.source,
        run_id=version.run_id,
        aliases=tuple(wire.Alias(alias, str(version.version)) for alias in version.aliases),
        tags=tuple(wire.KeyValue(key, value) for key, value in version.tags.items()),
    )


def _status_message(version: ModelVersion) -> str:
    """Message about the status; MLflow's messages have no other field for a recall."""
    if version.recall is None:
        return version.status_message
    return recalled_error(str(version.full_name), version.version, version.recall).message

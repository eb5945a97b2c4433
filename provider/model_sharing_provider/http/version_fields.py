"""Fields of models and versions that several faces show: location, logged model, format and summary."""

from __future__ import annotations

from typing import Any

import msgspec

from model_sharing_protocol.model_formats import NOTHING_KNOWN
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel
from model_sharing_provider.services.provider_services import ProviderServices


def storage_location(provider: ProviderServices, version: ModelVersion) -> str:
    """Location of a version's files: a folder of the bucket if temporary credentials open it, else a URN.

    A path on the server would be of no use to clients.
    """
    return provider.storage_credentials.location(version) or f"urn:uuid:{version.id}"


def logged_model_id(version: ModelVersion) -> str:
    """Id of the logged model; if there is none, one derived from the version, as MLflow needs it to copy."""
    return version.logged_model_id or f"m-{version.id.replace('-', '')}"


def format_fields(
    shown: ModelVersion | RegisteredModel, summary_type: type[msgspec.Struct]
) -> dict[str, Any]:
    """Fields `format`, `license` and `summary`, an EXTENSION of each face; None for what is not known."""
    known = shown.summary != NOTHING_KNOWN
    return {
        "format": shown.format and shown.format.value,
        "license": shown.license or None,
        "summary": msgspec.convert(shown.summary, summary_type, from_attributes=True) if known else None,
    }

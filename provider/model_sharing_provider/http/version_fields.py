"""Fields of model versions that several faces show: the storage location, and the id of the logged model."""

from __future__ import annotations

from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.provider_services import ProviderServices


def storage_location(provider: ProviderServices, version: ModelVersion) -> str:
    """Location of a version's files: a folder of the bucket if temporary credentials open it, else a URN.

    Clients could do nothing with a path of the server's own.
    """
    return provider.storage_credentials.location(version) or f"urn:uuid:{version.id}"


def logged_model_id(version: ModelVersion) -> str:
    """Id of the logged model, made up where a version has none: MLflow cannot copy it otherwise."""
    return version.logged_model_id or f"m-{version.id.replace('-', '')}"

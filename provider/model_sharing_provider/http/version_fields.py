"""Fields of model versions that several faces show: the storage location, and the id of the logged model."""

from __future__ import annotations

from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.provider_services import ProviderServices


def storage_location(provider: ProviderServices, version: ModelVersion) -> str:
    """Location of a version's files: a folder of the bucket if temporary credentials open it, else a URN.

    A path on the server would be of no use to clients.
    """
    return provider.storage_credentials.location(version) or f"urn:uuid:{version.id}"


def logged_model_id(version: ModelVersion) -> str:
    """Id of the logged model; if there is none, one derived from the version, as MLflow needs it to copy."""
    return version.logged_model_id or f"m-{version.id.replace('-', '')}"

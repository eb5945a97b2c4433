"""What the faces do alike around the storage of versions and the credentials for it."""

from __future__ import annotations

from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.provider_services import ProviderServices


def storage_location(provider: ProviderServices, version: ModelVersion) -> str:
    """The version's folder in its bucket, if temporary credentials open it."""
    return provider.storage_credentials.location(version) or opaque_location(version)


def opaque_location(version: ModelVersion) -> str:
    """A name for where the files are: the server's own paths are nobody's business."""
    return f"urn:uuid:{version.id}"

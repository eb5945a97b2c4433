"""Interface of a cloud's vendor of credentials, and its errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from model_sharing_protocol.errors import ArtifactStoreUnavailable, UnsupportedOperation
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.telemetry.log import log


class Vendor(Protocol):
    """Vendor of one cloud. Locations are in canonical form: `scheme://bucket/folder`."""

    def address(self, location: str) -> str:
        """URL of a location for the cloud's clients."""

    def vend(self, location: str, lifetime: timedelta, holder: str, *, write: bool) -> TemporaryCredentials:
        """Credentials to list and read one folder, and nothing else; takes some round trips.

        With `write`, they also allow writing there. `holder` is a name of up to 32 characters for the cloud's
        own log. Raises UnsupportedOperation, by `refused`, or ArtifactStoreUnavailable, by `unavailable`.
        """


def refused(
    error: object, why: str = "the cloud refuses what this provider asks for"
) -> UnsupportedOperation:
    """Error for credentials that are unavailable until an administrator acts."""
    log.error("temporary credentials", reason=str(error))
    return UnsupportedOperation(
        f"Temporary credentials cannot be issued: {why}; details are in the server's log. "
        "The access mode 'url' needs none: request signed URLs."
    )


def clocks_differ(error: object) -> UnsupportedOperation:
    """Error for a request whose time the cloud rejects."""
    return refused(error, "this provider's clock and the cloud's differ too much")


def unavailable(error: object) -> ArtifactStoreUnavailable:
    """Error for a cloud that does not respond."""
    log.error("temporary credentials", reason=str(error))
    return ArtifactStoreUnavailable(
        "The cloud that issues temporary credentials does not respond; try again later."
    )


def bucket_and_folder(location: str) -> tuple[str, str]:
    """Bucket and folder of a location: `bucket` and `a/b/`; an empty folder is the whole bucket."""
    bucket, _, folder = location.partition("://")[2].partition("/")
    return bucket, f"{folder}/" if folder else ""

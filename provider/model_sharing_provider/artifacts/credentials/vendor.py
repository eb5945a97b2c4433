"""Interface of a cloud's vendor of credentials, and its error."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import structlog

from model_sharing_protocol.errors import ArtifactStoreUnavailable, UnsupportedOperation
from model_sharing_provider.domain.credentials import TemporaryCredentials

_log = structlog.get_logger("model_sharing_provider")


class Vendor(Protocol):
    """One cloud. A location is one as `external_locations` spells them: `scheme://bucket/folder`."""

    def address(self, location: str) -> str:
        """The location as that cloud's clients write it."""

    def vend(self, location: str, lifetime: timedelta, holder: str, *, write: bool) -> TemporaryCredentials:
        """Credentials to list and read what is in that folder, and nothing else; it takes some round trips.

        With `write`, to write there as well.
        `holder` is up to 32 characters by which the cloud's own log can name them. Raises
        UnsupportedOperation, by `refused`, or ArtifactStoreUnavailable, by `unavailable`.
        """


def refused(
    error: object, why: str = "the cloud refuses what this provider asks for"
) -> UnsupportedOperation:
    """The error for credentials that cannot be had until an administrator does something."""
    _log.error("temporary credentials", reason=str(error))
    return UnsupportedOperation(
        f"Temporary credentials cannot be given out: {why}; the server's log says more. "
        "The access mode 'url' needs none: ask for signed URLs."
    )


def clocks_differ(error: object) -> UnsupportedOperation:
    """The error for a request that the cloud finds too old, or too young."""
    return refused(error, "this provider's clock and the cloud's differ too much")


def unavailable(error: object) -> ArtifactStoreUnavailable:
    """The error for a cloud that does not answer."""
    _log.error("temporary credentials", reason=str(error))
    return ArtifactStoreUnavailable(
        "The cloud that gives temporary credentials does not answer; try again later."
    )


def bucket_and_folder(location: str) -> tuple[str, str]:
    """`scheme://bucket/a/b` as `bucket` and `a/b/`; the folder that is the whole bucket is empty."""
    bucket, _, folder = location.partition("://")[2].partition("/")
    return bucket, f"{folder}/" if folder else ""

"""Google Cloud Storage: the provider's token, limited to one folder by a Credential Access Boundary.

Buckets need uniform bucket-level access. The token expires with the provider's own one, after at most an
hour; its lifetime cannot be chosen.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from functools import cached_property
from typing import Any

import google.auth
from google.auth import downscoped
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport.requests import Request

from model_sharing_provider.artifacts.credentials.vendor import (
    Vendor,
    bucket_and_folder,
    clocks_differ,
    refused,
    unavailable,
)
from model_sharing_provider.domain.credentials import OauthToken, TemporaryCredentials

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_LISTED = "api.getAttribute('storage.googleapis.com/objectListPrefix', '')"
# "Invalid JWT: Token must be a short-lived token …. Check your iat and exp values in the JWT claim."
_CLOCK_WORDS = "iat and exp"


def open_vendor() -> Vendor:
    return _Gcp()


class _Gcp:
    def address(self, location: str) -> str:
        return location

    def vend(self, location: str, lifetime: timedelta, holder: str, *, write: bool) -> TemporaryCredentials:
        request = Request()
        try:
            source = self._source
            source.refresh(request)
            scoped = downscoped.Credentials(
                source_credentials=source, credential_access_boundary=boundary(location, write=write)
            )
            scoped.refresh(request)
        except TransportError as error:
            raise unavailable(error) from error
        except DefaultCredentialsError as error:
            raise refused(error, "this provider has no credentials of its own") from error
        except GoogleAuthError as error:
            raise (clocks_differ if _CLOCK_WORDS in str(error) else refused)(error) from error
        return TemporaryCredentials(
            gcp_oauth_token=OauthToken(scoped.token),
            expiration_time=int(scoped.expiry.replace(tzinfo=UTC).timestamp() * 1000),
        )

    @cached_property
    def _source(self) -> Any:
        return google.auth.default(scopes=_SCOPES)[0]


def boundary(location: str, *, write: bool) -> downscoped.CredentialAccessBoundary:
    """Access boundary to read and list the folder; with `write`, also to write there."""
    bucket, folder = bucket_and_folder(location)
    objects = _quoted(f"projects/_/buckets/{bucket}/objects/{folder}")
    condition = downscoped.AvailabilityCondition(
        f"resource.name.startsWith({objects}) || {_LISTED}.startsWith({_quoted(folder)})"
    )
    rule = downscoped.AccessBoundaryRule(
        available_resource=f"//storage.googleapis.com/projects/_/buckets/{bucket}",
        available_permissions=[
            "inRole:roles/storage.objectAdmin" if write else "inRole:roles/storage.objectViewer"
        ],
        availability_condition=condition,
    )
    return downscoped.CredentialAccessBoundary(rules=[rule])


def _quoted(text: str) -> str:
    """String literal of the Common Expression Language."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

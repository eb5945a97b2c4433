"""Temporary credentials for an object store. Secrets in them never show in a `repr`, nor in a log."""

from __future__ import annotations

from dataclasses import dataclass, field

CLOUDS = ("aws", "azure", "gcp", "r2")
"""Names of the supported clouds."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Keys for an S3 client, used together with the session token."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SasToken:
    """SAS token for Azure, a query string."""

    sas_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OauthToken:
    """OAuth token for Google Cloud Storage, a bearer token."""

    oauth_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryCredentials:
    """Temporary credentials: exactly one of three kinds, with its expiry in epoch ms."""

    aws_temp_credentials: SessionKeys | None = None
    azure_user_delegation_sas: SasToken | None = None
    gcp_oauth_token: OauthToken | None = None
    r2_credentials: SessionKeys | None = None
    expiration_time: int

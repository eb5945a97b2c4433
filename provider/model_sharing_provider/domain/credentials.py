"""Temporary credentials for an object store. What is secret in them is in no `repr`, and so in no log."""

from __future__ import annotations

from dataclasses import dataclass, field

CLOUDS = ("aws", "azure", "gcp", "r2")
"""Names of the clouds that can vend them."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Keys for an S3 client, which go together with a session token."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SasToken:
    """The query string that Azure lets its bearer in by."""

    sas_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OauthToken:
    """A bearer token for Google's storage."""

    oauth_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryCredentials:
    """Exactly one of these, and until when it is good, in epoch ms."""

    aws_temp_credentials: SessionKeys | None = None
    azure_user_delegation_sas: SasToken | None = None
    gcp_oauth_token: OauthToken | None = None
    r2_credentials: SessionKeys | None = None
    expiration_time: int

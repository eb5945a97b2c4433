"""Settings of sign-in: by the tokens of other issuers, and of people at an identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from model_sharing_provider.configuration.kinds import (
    ISSUER,
    NETWORKS,
    PATH,
    SCOPES,
    TEXT,
    duration_between,
)
from model_sharing_provider.configuration.rows import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSettings:
    """Settings of sign-in, which `Settings` has besides its own."""

    allowed_issuer_networks: tuple[str, ...] = setting(
        "ALLOWED_ISSUER_NETWORKS",
        NETWORKS,
        "networks, besides the public Internet, in which this server may ask the issuers of federation "
        "policies for their keys",
        (),
        "none",
    )
    identity_token_clock_skew: timedelta = setting(
        "IDENTITY_TOKEN_CLOCK_SKEW",
        duration_between("0s", "10m"),
        "how far the clock of an issuer may differ from this server's, in the times of its tokens",
        timedelta(seconds=60),
        "60s",
    )
    identity_token_max_lifetime: timedelta = setting(
        "IDENTITY_TOKEN_MAX_LIFETIME",
        duration_between("1m", "30d"),
        "the greatest lifetime of an issuer's token, of which one that lives longer is refused",
        timedelta(hours=24),
        "24h",
    )
    sign_in_issuer: str = setting(
        "SIGN_IN_ISSUER",
        ISSUER,
        "the OpenID Connect issuer that people may sign in to the explorer at, as its tokens' `iss` has it; "
        "`PUBLIC_URL` and `SIGN_IN_CLIENT_ID` must be set, too",
        "",
        "sign-in by access tokens alone",
    )
    sign_in_client_id: str = setting(
        "SIGN_IN_CLIENT_ID",
        TEXT,
        "the client id that this server has at that issuer; its redirect URI there is `PUBLIC_URL` with "
        "`/explorer/sign-in/callback`",
        "",
        "none",
    )
    sign_in_client_secret_file: Path | None = setting(
        "SIGN_IN_CLIENT_SECRET_FILE",
        PATH,
        "a file with the client's secret, which is read again when it changes",
        None,
        "none: a public client",
    )
    sign_in_scopes: str = setting(
        "SIGN_IN_SCOPES",
        SCOPES,
        "the scopes to ask the issuer for, such as those of the claims that federation policies look at",
        "openid",
    )
    sign_in_name: str = setting(
        "SIGN_IN_NAME",
        TEXT,
        "the name of the identity provider, for the button *Sign in with NAME*",
        "",
        "the issuer's host",
    )
    session_lifetime: timedelta = setting(
        "SESSION_LIFETIME",
        duration_between("1m", "30d"),
        "the time after which a session of the explorer ends, whoever it is of",
        timedelta(hours=8),
        "8h",
    )

"""Composition of sign-in by tokens of other issuers, and of people at an identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.configuration.rows import PREFIX
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.code_flow import IdentityProvider
from model_sharing_provider.identity_providers.authorization_codes import AuthorizationCodes
from model_sharing_provider.identity_providers.identity_tokens import IdentityTokens
from model_sharing_provider.identity_providers.issuer_documents import IssuerDocuments
from model_sharing_provider.identity_providers.issuer_keys import IssuerKeys
from model_sharing_provider.keys.watched_files import WatchedFile
from model_sharing_provider.remote_providers.egress import Egress
from model_sharing_provider.services.registry.federated_sign_in import FederatedSignIn


@dataclass(frozen=True, slots=True)
class Identities:
    """Sign-in by policies, and the client of the identity provider, if one is set."""

    federation: FederatedSignIn
    codes: AuthorizationCodes | None


def wire_identities(settings: Settings) -> Identities:
    """Wire the verification of tokens; no issuer is asked yet.

    Raises InvalidParameter for an identity provider that lacks a setting, InvalidState for its secret.
    """
    documents = IssuerDocuments(Egress(settings.allowed_issuer_networks))
    keys = IssuerKeys(documents)
    tokens = IdentityTokens(
        keys,
        clock_skew=settings.identity_token_clock_skew,
        max_lifetime=settings.identity_token_max_lifetime,
    )
    provider = _identity_provider(settings)
    federation = FederatedSignIn(tokens)
    if provider is None:
        return Identities(federation, None)
    secret = _client_secret(settings)
    return Identities(federation, AuthorizationCodes(provider, documents, keys, tokens, secret))


def _identity_provider(settings: Settings) -> IdentityProvider | None:
    if not settings.sign_in_issuer:
        return None
    for name, value in (
        ("SIGN_IN_CLIENT_ID", settings.sign_in_client_id),
        ("PUBLIC_URL", settings.public_url),
    ):
        if not value:
            raise InvalidParameter(
                f"{PREFIX}SIGN_IN_ISSUER is set, and {PREFIX}{name} is not; set both, or neither."
            )
    return IdentityProvider(
        name=settings.sign_in_name or urlsplit(settings.sign_in_issuer).netloc,
        issuer=settings.sign_in_issuer,
        client_id=settings.sign_in_client_id,
        scopes=settings.sign_in_scopes,
    )


def _client_secret(settings: Settings) -> WatchedFile[str] | None:
    """Secret of the client in its file, without the line end. Raises InvalidState."""
    if settings.sign_in_client_secret_file is None:
        return None
    return WatchedFile(
        settings.sign_in_client_secret_file,
        _parse_secret,
        "Write the client's secret into it, as the issuer shows it.",
    )


def _parse_secret(content: bytes) -> str:
    secret = content.decode().strip()
    if not secret or not secret.isprintable():
        raise ValueError("it is not one line of text")
    return secret

"""Composition of sign-in by tokens of other issuers."""

from __future__ import annotations

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.identity_providers.identity_tokens import IdentityTokens
from model_sharing_provider.identity_providers.issuer_documents import IssuerDocuments
from model_sharing_provider.identity_providers.issuer_keys import IssuerKeys
from model_sharing_provider.remote_providers.egress import Egress
from model_sharing_provider.services.registry.federated_sign_in import FederatedSignIn


def wire_federated_sign_in(settings: Settings) -> FederatedSignIn:
    """Wire the verification of tokens; no issuer is asked yet."""
    keys = IssuerKeys(IssuerDocuments(Egress(settings.allowed_issuer_networks)))
    return FederatedSignIn(
        IdentityTokens(
            keys,
            clock_skew=settings.identity_token_clock_skew,
            max_lifetime=settings.identity_token_max_lifetime,
        )
    )

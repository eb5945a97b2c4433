"""Federation policies: which tokens of other issuers are a recipient's or a principal's.

Times are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from model_sharing_provider.domain.principals import Principal

MAX_POLICIES = 20
"""Limit of the federation policies of one recipient or principal."""
MAX_AUDIENCES = 20
MAX_GROUPS = 20
"""Limit of the groups that one policy lets tokens give; their ids fit into a signed URL."""
_TEXTS_READ = 1000
_VERIFIED = {"email": "email_verified", "phone_number": "phone_number_verified"}
"""Claims by which an issuer says that another one was not only made up (OpenID Connect Core, section 5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationPolicy:
    """Federation policy of a holder: tokens of `issuer` whose `subject_claim` is, or contains, `subject`.

    A token must be for one of `audiences`. Of the groups that its `groups_claim` names, those in `groups` are
    given to the holder for calls with the token.
    """

    id: str
    holder_id: str
    name: str
    issuer: str
    subject_claim: str
    subject: str
    audiences: tuple[str, ...]
    groups_claim: str = ""
    groups: tuple[str, ...] = ()
    comment: str = ""
    created_at: int
    updated_at: int

    @property
    def content(self) -> NewFederationPolicy:
        """Policy without its id, name and times, as it could be created again."""
        return NewFederationPolicy(
            issuer=self.issuer,
            subject_claim=self.subject_claim,
            subject=self.subject,
            audiences=self.audiences,
            # Its groups may have been deleted since.
            groups_claim=self.groups_claim if self.groups else "",
            groups=self.groups,
            comment=self.comment,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFederationPolicy:
    """Federation policy to be created; without `audiences`, that is this server's public URL."""

    issuer: str
    subject_claim: str
    subject: str
    audiences: tuple[str, ...] = ()
    groups_claim: str = ""
    groups: tuple[str, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class PolicyHolder:
    """Holder of a policy for the subject of a token, and the networks that it may be used from.

    `audiences` are those of the policy, and `since` the time of its creation; its id is the principal's
    `token_id`, so that the URLs that are signed for the holder end with the policy. `groups` are those that
    the claim `groups_claim` may give.
    """

    principal: Principal
    audiences: tuple[str, ...]
    since: int
    networks: tuple[str, ...] = ()
    groups_claim: str = ""
    groups: tuple[Principal, ...] = ()

    def with_groups_of(self, claims: IdentityClaims) -> PolicyHolder:
        """Holder in the groups that the token names and the policy allows.

        Names are compared exactly, without any normalization: a name that only looks alike is another's. A
        claim of another form than a text or a list of texts gives none, and so does one that is missing.
        """
        if not self.groups:
            return self
        named = set(claims.texts(self.groups_claim))
        given = (group for group in self.groups if group.name in named)
        return replace(self, principal=self.principal.with_token_groups(given))


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """Token of another issuer, as it was presented: nothing in it is true yet."""

    encoded: str = field(repr=False)
    header: dict[str, Any] = field(repr=False)
    claims: dict[str, Any] = field(repr=False)
    issuer: str


@dataclass(frozen=True, slots=True)
class IdentityClaims:
    """Claims of a token whose signature, issuer and times were verified. `expires_at` is in epoch ms."""

    issuer: str
    expires_at: int
    claims: dict[str, Any]

    @property
    def audiences(self) -> frozenset[str]:
        """Audiences of the token, which has one or a list."""
        return frozenset(self.texts("aud"))

    def texts(self, claim: str) -> Iterator[str]:
        """Values of a claim that are texts: one, or a list of them, such as the groups of a user.

        None of an address that the issuer says it did not verify: users write what they like there.
        """
        verified = self.claims.get(_VERIFIED.get(claim, ""), True)
        value = self.claims.get(claim) if verified in (True, "true") else None
        values = value[:_TEXTS_READ] if isinstance(value, list) else [value]
        return (each for each in values if isinstance(each, str) and each)

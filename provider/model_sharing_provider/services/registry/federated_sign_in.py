"""Sign-in by the tokens of other issuers, under federation policies.

An issuer is asked for its keys only if a policy names it: the `iss` of a token that nobody has verified yet
is looked up as it is, and leads nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from model_sharing_protocol.errors import Unauthenticated
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context

if TYPE_CHECKING:
    from model_sharing_provider.domain.federation import IdentityClaims, PolicyHolder, UnverifiedToken

_DOTS = 2
_SHOWN = 200
FindHolders: TypeAlias = "Callable[[UnitOfWork, str, str, str], Awaitable[tuple[PolicyHolder, ...]]]"


class TokenVerifier(Protocol):
    """Verifier of identity tokens, which knows the keys of issuers."""

    def parse(self, token: str) -> UnverifiedToken:
        """Parse a token. Raises Unauthenticated."""

    async def verify(self, token: UnverifiedToken) -> IdentityClaims:
        """Verify signature and times. Raises Unauthenticated, TokenExpired, IssuerUnavailable."""


def is_identity_token(token: str) -> bool:
    """True for what looks like a JWT; tokens that this server issued have no dots."""
    return token.count(".") >= _DOTS


class FederatedSignIn:
    def __init__(self, tokens: TokenVerifier) -> None:
        self._tokens = tokens

    async def find_holder(
        self, context: Context, token: str, find: FindHolders
    ) -> tuple[PolicyHolder, IdentityClaims]:
        """Holder whose policy a token meets, with the verified claims; of several, that of the oldest policy.

        The holder is in the groups that the token gives under that policy.
        Raises Unauthenticated, TokenExpired, IssuerUnavailable.
        """
        unverified = self._tokens.parse(token)
        claims = await self._subject_claims(context, unverified.issuer)
        verified = await self._tokens.verify(unverified)
        return await self._holder_of(context, verified, claims, find), verified

    async def holder_of(self, context: Context, verified: IdentityClaims, find: FindHolders) -> PolicyHolder:
        """Holder whose policy verified claims meet, as `find_holder` finds it. Raises Unauthenticated."""
        claims = await self._subject_claims(context, verified.issuer)
        return await self._holder_of(context, verified, claims, find)

    async def _subject_claims(self, context: Context, issuer: str) -> tuple[str, ...]:
        """Claims that policies for an issuer look at. Raises Unauthenticated where no policy names it."""
        async with context.read_unaudited() as rows:
            claims = await rows.federation_reads.subject_claims(issuer)
        if not claims:
            raise Unauthenticated(
                f"The identity token is refused: no federation policy names its issuer {_shown(issuer)}."
            )
        return claims

    async def _holder_of(
        self, context: Context, verified: IdentityClaims, claims: tuple[str, ...], find: FindHolders
    ) -> PolicyHolder:
        async with context.read_unaudited() as rows:
            holders = [
                holder
                for claim in claims
                for subject in verified.texts(claim)
                for holder in await find(rows, verified.issuer, claim, subject)
            ]
        meant = [holder for holder in holders if not verified.audiences.isdisjoint(holder.audiences)]
        if meant:
            oldest = min(meant, key=lambda holder: (holder.since, holder.principal.token_id))
            return oldest.with_groups_of(verified)
        if holders:
            raise Unauthenticated(
                "The identity token is refused: its 'aud' is not an audience of the federation policy."
            )
        raise Unauthenticated(
            "The identity token is refused: no federation policy is for its subject, by "
            f"{', '.join(map(_shown, claims))}."
        )


def _shown(text: str) -> str:
    return repr(text[:_SHOWN])

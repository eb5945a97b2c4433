"""Sign-in of people at an identity provider, by OpenID Connect's authorization code flow with PKCE.

What a sign-in in progress needs is in a cookie of the browser that began it, and nothing here: strangers can
begin as many as they like. The `state` that comes back is a keyed hash of that cookie. So an answer counts in
the browser that asked for it alone, within ten minutes, and no site can sign a visitor in as somebody else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from model_sharing_protocol.errors import NotFound, SharingError, Unauthenticated
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.code_flow import (
    AuthorizationAnswer,
    AuthorizationRequest,
    IdentityProvider,
)
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.federation import IdentityClaims
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.principals import Principals
from model_sharing_provider.services.registry.sessions import NewSession, Sessions

LIFETIME = timedelta(minutes=10)
_TARGET = Target(SecurableType.METASTORE)
_SECRET_BYTES = 32
_MAX_WANTED = 1024


class AuthorizationCodeClient(Protocol):
    """Client of the identity provider that people sign in at."""

    provider: IdentityProvider

    async def check(self) -> None:
        """Check that the issuer answers. Raises Unauthenticated, IssuerUnavailable."""

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """URL at which a browser asks for a code. Raises Unauthenticated, IssuerUnavailable."""

    async def redeem(self, answer: AuthorizationAnswer, request: AuthorizationRequest) -> IdentityClaims:
        """Claims of the person whom an answer is about. Raises Unauthenticated, IssuerUnavailable."""


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """Sign-in that a browser has begun, at `started_at` (epoch ms), to open the page `wanted`."""

    started_at: int
    secret: str = field(repr=False)
    wanted: str

    @classmethod
    def parse(cls, text: str) -> PendingSignIn | None:
        """Parse the text of a cookie; None for anything else."""
        if not text.isascii():
            return None
        try:
            started, secret, wanted = text.split(".")
            return cls(int(started), secret, base64.urlsafe_b64decode(wanted).decode())
        except (ValueError, binascii.Error):
            return None

    def encode(self) -> str:
        """Text for a cookie."""
        wanted = base64.urlsafe_b64encode(self.wanted.encode()).decode()
        return f"{self.started_at}.{self.secret}.{wanted}"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Session of a person who signed in, and the page that was asked for, which anybody may have written."""

    session: NewSession
    wanted: str


@dataclass(frozen=True, slots=True)
class UnknownIdentity:
    """Person whom the identity provider vouches for, as `subject`, and no federation policy lets in."""

    provider: IdentityProvider
    subject: str


class CodeSignIn:
    """Sign-in by authorization codes; `client` is None where no identity provider is set."""

    def __init__(
        self,
        client: AuthorizationCodeClient | None,
        server_secrets: ServerSecrets,
        principals: Principals,
        sessions: Sessions,
    ) -> None:
        self._client = client
        self._secrets = server_secrets
        self._principals = principals
        self._sessions = sessions

    @property
    def provider(self) -> IdentityProvider | None:
        """Identity provider that people sign in at, if one is set."""
        return self._client.provider if self._client is not None else None

    async def check(self) -> None:
        """Check that the identity provider answers, for whoever administers this server.

        Raises NotFound without one, Unauthenticated, IssuerUnavailable.
        """
        await self._set_client().check()

    async def begin(self, context: Context, redirect_uri: str, wanted: str) -> tuple[str, str]:
        """Begin a sign-in: the URL to open, and the text that the browser keeps until it comes back.

        Raises NotFound without an identity provider, Unauthenticated, IssuerUnavailable, TooManyRequests.
        """
        client = self._set_client()
        context.check_failures(AuditAction.SIGN_IN, _TARGET)
        wanted = wanted if len(wanted) <= _MAX_WANTED and wanted.isascii() else ""
        pending = PendingSignIn(now_ms(), secrets.token_urlsafe(_SECRET_BYTES), wanted)
        async with _recorded(context):
            url = await client.authorization_url(self._requests(client, pending, redirect_uri)[0])
        return url, pending.encode()

    async def finish(
        self, context: Context, redirect_uri: str, kept: str, answer: AuthorizationAnswer
    ) -> SignedIn | UnknownIdentity:
        """Finish a sign-in by the identity provider's answer, and what the browser `kept`.

        Raises as `begin` does, after auditing it as a failed sign-in.
        """
        client = self._set_client()
        context.check_failures(AuditAction.SIGN_IN, _TARGET)
        async with _recorded(context):
            pending, request = self._check_state(client, redirect_uri, kept, answer)
            claims = await client.redeem(answer, request)
        try:
            async with _recorded(context):
                principal = await self._principals.find_by_claims(context, claims)
        except Unauthenticated:
            return UnknownIdentity(client.provider, next(claims.texts("sub"), ""))
        context.check_calls(principal, _TARGET, pending.secret)
        return SignedIn(await self._sessions.begin_as(context, principal), pending.wanted)

    def _check_state(
        self, client: AuthorizationCodeClient, redirect_uri: str, kept: str, answer: AuthorizationAnswer
    ) -> tuple[PendingSignIn, AuthorizationRequest]:
        """Sign-in that an answer belongs to. Raises Unauthenticated."""
        pending = PendingSignIn.parse(kept)
        if pending is None:
            raise Unauthenticated(
                "No sign-in is in progress in this browser: it was finished already, took longer than "
                f"{LIFETIME.seconds // 60} minutes, or was begun elsewhere. Sign in again."
            )
        for request in self._requests(client, pending, redirect_uri):
            if hmac.compare_digest(request.state.encode(), answer.state.encode(errors="replace")):
                break
        else:
            raise Unauthenticated(
                "This answer belongs to another sign-in than the last one that was begun in this browser. "
                "Nobody was signed in; sign in again, and in one window only."
            )
        if not 0 <= now_ms() - pending.started_at <= LIFETIME // timedelta(milliseconds=1):
            raise Unauthenticated(
                f"The sign-in took longer than {LIFETIME.seconds // 60} minutes; try again."
            )
        return pending, request

    def _requests(
        self, client: AuthorizationCodeClient, pending: PendingSignIn, redirect_uri: str
    ) -> list[AuthorizationRequest]:
        """Requests of a sign-in: one for each pepper of this server, that of today first."""
        of_today = self._secrets.hash(_stated(client, pending))
        states = dict.fromkeys([of_today, *self._secrets.hashes(_stated(client, pending))])
        return [
            AuthorizationRequest(
                state=state,
                nonce=_derived("nonce", pending.secret),
                verifier=_derived("code verifier", pending.secret),
                redirect_uri=redirect_uri,
            )
            for state in states
        ]

    def _set_client(self) -> AuthorizationCodeClient:
        if self._client is None:
            raise NotFound("No identity provider is set here; sign in with an access token.")
        return self._client


@asynccontextmanager
async def _recorded(context: Context) -> AsyncIterator[None]:
    """Record what fails as a failed sign-in, which counts towards the rate limit of the address."""
    try:
        yield
    except SharingError as error:
        await context.record_bad_secret(AuditAction.SIGN_IN, _TARGET, error)
        raise


def _stated(client: AuthorizationCodeClient, pending: PendingSignIn) -> str:
    return f"sign-in at {client.provider.issuer} {pending.encode()}"


def _derived(purpose: str, secret: str) -> str:
    """Text of 43 characters that tells nothing about the secret, nor about others derived from it."""
    digest = hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

"""Sessions of people who signed in to the explorer.

A session is begun by an access token, or at an identity provider under a federation policy, and ends with it.
Its secret is in a cookie; its hash is stored.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from model_sharing_protocol.errors import Unauthenticated
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.federated_sign_in import is_identity_token
from model_sharing_provider.services.registry.principals import Principals

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewSession:
    """Session that has just begun: its secret, and its end in epoch ms."""

    secret: str = field(repr=False)
    expires_at: int


class Sessions:
    """Sessions, each of which ends after `lifetime` at the latest."""

    def __init__(self, server_secrets: ServerSecrets, principals: Principals, lifetime: timedelta) -> None:
        self._secrets = server_secrets
        self._principals = principals
        self._lifetime_ms = lifetime // timedelta(milliseconds=1)

    async def begin(self, context: Context, token: str) -> NewSession:
        """Begin a session by an access token. Raises Unauthenticated, TooManyRequests.

        A token of another issuer lives for minutes, and may not begin what lasts for hours.
        """
        if is_identity_token(token):
            raise Unauthenticated(
                "Sign in by an access token of this server; this is another issuer's token."
            )
        return await self.begin_as(context, await self._principals.authenticate(context, token))

    async def begin_as(self, context: Context, principal: Principal) -> NewSession:
        """Begin a session of a principal that has just signed in. Raises Unauthenticated if it no longer may.

        It is under the token or federation policy that the principal's `token_id` names, with the groups that
        the token gave, as far as the policy goes on allowing them.
        """
        target = Target(SecurableType.PRINCIPAL, principal.name)
        async with context.change(AuditAction.SIGN_IN, target) as operation:
            operation.authorized_by_credential()
            operation.act_as(principal)
            secret = secrets.token_urlsafe(_SECRET_BYTES)
            ends = await operation.rows.sessions.add(
                self._secrets.hash(secret),
                principal.token_id,
                operation.now,
                operation.now + self._lifetime_ms,
                [group.id for group in principal.token_groups],
            )
            if ends is None:
                raise Unauthenticated("What you signed in with was withdrawn meanwhile; sign in again.")
            return NewSession(secret, ends)

    async def authenticate(self, context: Context, secret: str) -> Principal:
        """Principal of a session. Raises Unauthenticated for one that has ended, TooManyRequests.

        The end of a session is no denial: it is what happens to every session.
        """
        target = Target(SecurableType.METASTORE)
        context.check_failures(AuditAction.AUTHENTICATE, target, secret)
        if secret.isascii():
            async with context.read_unaudited() as rows:
                for hashed in self._secrets.hashes(secret):
                    if principal := await rows.registry_reads.find_by_session(hashed, now_ms()):
                        context.check_calls(principal, target, secret)
                        return principal
        context.count_failure(secret)
        raise Unauthenticated("The session has ended; sign in again.")

    async def end(self, context: Context, secret: str) -> bool:
        """End a session; True for one that was begun at an identity provider.

        One that has ended already stays so.
        """
        target = Target(SecurableType.PRINCIPAL, context.caller.principal.name)
        async with context.change(AuditAction.SIGN_OUT, target) as operation:
            operation.authorized_by_credential()
            deleted = [await operation.rows.sessions.delete(each) for each in self._secrets.hashes(secret)]
            return any(deleted)

"""Access tokens by their ids, and one's own: principals create, list and revoke tokens for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import check_comment
from model_sharing_provider.domain.principals import AccessToken, PrincipalInfo, PrincipalType
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.rules import ADMINISTRATORS, ANY_PRINCIPAL
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.principals import check_token_lifetime, find_principal


class AccessTokens:
    def __init__(self, secrets: ServerSecrets) -> None:
        self._secrets = secrets

    async def create(
        self, context: Context, *, lifetime: timedelta | None = None, comment: str = ""
    ) -> tuple[AccessToken, str]:
        """Create a token for the caller; return it with its secret, which is never shown again.

        It does not outlive the token that the caller presents: who finds one cannot stay for longer with it.
        Raises InvalidParameter, and InvalidState for a caller that presented none of its tokens.
        """
        check_token_lifetime(lifetime)
        check_comment(comment)
        async with context.change(AuditAction.CREATE_ACCESS_TOKEN, _own(context)) as operation:
            await operation.authorize(ANY_PRINCIPAL)
            presented = await _presented(operation)
            ends = [presented.expires_at] if presented.expires_at is not None else []
            if lifetime is not None:
                ends.append(operation.now + lifetime // timedelta(milliseconds=1))
            secret = new_token()
            token = AccessToken(
                id=str(uuid4()),
                comment=comment,
                expires_at=min(ends, default=None),
                created_at=operation.now,
            )
            owner = operation.principal.id
            await operation.rows.principals.add_token(token, owner, self._secrets.hash(secret))
            return token, secret

    async def own(self, context: Context) -> Sequence[AccessToken]:
        """Tokens of the caller."""
        async with context.view(AuditAction.GET_PRINCIPAL, _own(context)) as operation:
            await operation.authorize(ANY_PRINCIPAL)
            return (await find_principal(operation, operation.principal.name)).tokens

    async def revoke_own(self, context: Context, token_id: str) -> None:
        """Revoke a token of the caller, with the URLs signed under it. Raises NotFound."""
        async with context.change(AuditAction.REVOKE_ACCESS_TOKEN, _own(context)) as operation:
            await operation.authorize(ANY_PRINCIPAL)
            if not await operation.rows.principals.delete_token(operation.principal.id, token_id):
                raise NotFound(f"You have no token {token_id!r}.")

    async def find(self, context: Context, token_id: str) -> PrincipalInfo:
        """Holder of a token, with that token alone. Raises NotFound."""
        async with context.view(AuditAction.GET_PRINCIPAL, Target(SecurableType.PRINCIPAL)) as operation:
            await operation.authorize(ADMINISTRATORS)
            return await _holder(operation, token_id)

    async def revoke(self, context: Context, token_id: str) -> None:
        """Revoke anybody's token, with the URLs signed under it. Raises NotFound."""
        target = Target(SecurableType.PRINCIPAL)
        async with context.change(AuditAction.REVOKE_ACCESS_TOKEN, target) as operation:
            await operation.authorize(ADMINISTRATORS)
            holder = await _holder(operation, token_id)
            await operation.rows.principals.delete_token(holder.principal.id, token_id)


async def _presented(operation: Operation) -> AccessToken:
    """Token that the caller presented."""
    found = await operation.rows.principals.find_by_id(operation.principal.id)
    for token in found.tokens if found else ():
        if token.id == operation.principal.token_id:
            return token
    raise InvalidState(
        "You did not sign in with an access token, so you cannot create one; ask an administrator for it."
    )


async def _holder(operation: Operation, token_id: str) -> PrincipalInfo:
    holder = await operation.rows.principals.find_holder(token_id)
    if holder is None or holder.principal.type is PrincipalType.GROUP:
        raise NotFound(f"There is no access token {token_id!r}.")
    operation.refine_target(name=holder.principal.name)
    return replace(holder, tokens=tuple(token for token in holder.tokens if token.id == token_id))


def _own(context: Context) -> Target:
    return Target(SecurableType.PRINCIPAL, context.caller.principal.name)

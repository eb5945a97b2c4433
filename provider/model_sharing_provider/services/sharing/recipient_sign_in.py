"""Sign-in of recipients, by a token of this server or, under a federation policy, of another issuer."""

from __future__ import annotations

from model_sharing_protocol.errors import PermissionDenied, TokenExpired, Unauthenticated
from model_sharing_protocol.times import iso, now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.federation import PolicyHolder
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.secrets import well_formed
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.addresses import allows
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.byte_budgets import record_limit
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.recipient_budgets import LimitReached, RecipientBudgets
from model_sharing_provider.services.registry.federated_sign_in import FederatedSignIn, is_identity_token


class RecipientSignIn:
    def __init__(
        self, secrets: ServerSecrets, federation: FederatedSignIn, budgets: RecipientBudgets
    ) -> None:
        self._secrets = secrets
        self._federation = federation
        self._budgets = budgets

    async def authenticate(self, context: Context, token: str) -> Principal:
        """Authenticate a bearer token, as `Recipients.authenticate` does."""
        context.check_failures(AuditAction.AUTHENTICATE, _target(""), token)
        try:
            principal, networks, expires_at = await self._find(context, token)
        except Unauthenticated as error:
            await context.record_bad_secret(AuditAction.AUTHENTICATE, _target(""), error, token)
            raise
        if not allows(networks, context.caller.address):
            elsewhere = address_refused(context)
            context.count_failure()
            await context.record_denial(AuditAction.AUTHENTICATE, _target(principal.name), elsewhere.message)
            raise elsewhere
        if expires_at <= now_ms():
            refusal = TokenExpired(
                f"The token expired at {iso(expires_at)}; ask the provider for a new activation link."
            )
            await context.record_bad_secret(AuditAction.AUTHENTICATE, _target(principal.name), refusal, token)
            raise refusal
        context.check_calls(principal, _target(principal.name), token)
        try:
            await self._budgets.spend_request(principal)
        except LimitReached as error:
            await record_limit(context, principal, error)
            raise
        return principal

    async def _find(self, context: Context, token: str) -> tuple[Principal, tuple[str, ...], int]:
        """Recipient, its networks, and when the token expires. Raises Unauthenticated."""
        if is_identity_token(token):
            holder, claims = await self._federation.find_holder(context, token, _federated)
            return holder.principal, holder.networks, claims.expires_at
        if well_formed(token):
            async with context.read_unaudited() as rows:
                for token_hash in self._secrets.hashes(token):
                    if found := await rows.recipient_reads.find_by_token(token_hash):
                        return found.principal, found.networks, found.expires_at
        raise Unauthenticated(
            "The bearer token is missing or was not issued by this server; use the profile file unchanged."
        )


def address_refused(context: Context) -> PermissionDenied:
    """Error for a caller outside the recipient's IP access list."""
    return PermissionDenied(
        f"Your address {context.caller.address} is not in this recipient's IP access list; ask the provider."
    )


async def _federated(rows: UnitOfWork, issuer: str, claim: str, subject: str) -> tuple[PolicyHolder, ...]:
    return await rows.federation_reads.recipients(issuer, claim, subject)


def _target(name: str) -> Target:
    return Target(SecurableType.RECIPIENT, name, recipient=name)

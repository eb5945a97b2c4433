"""Federation policies of recipients: which tokens of other issuers they sign in with.

They have Databricks' fields and semantics.
"""

from __future__ import annotations

from model_sharing_protocol.errors import InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.names import normalize_name
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.federation import FederationPolicy, NewFederationPolicy
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import AuthenticationType
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.policy_checks import check_new_policy, checked_policy
from model_sharing_provider.services.sharing.recipients import find_recipient


class FederationPolicies:
    """Federation policies; `audience` is that of policies without one: this server's public URL, if set."""

    def __init__(self, audience: str) -> None:
        self._audience = audience

    async def create(
        self, context: Context, recipient: str, new: NewFederationPolicy, name: str | None = None
    ) -> FederationPolicy:
        """Create a policy of a recipient; without `name`, one is made up.

        Raises NotFound, InvalidState for a recipient with tokens of this server, InvalidParameter,
        AlreadyExists, also for a policy for the same subject and audience, even if it is another recipient's.
        """
        recipient = normalize_name("recipient", recipient)
        if new.groups_claim or new.groups:
            raise InvalidParameter("A recipient is in no groups; its policies give none.")
        async with context.change(AuditAction.CREATE_FEDERATION_POLICY, _target(recipient)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            holder = await find_recipient(operation, recipient)
            if holder.authentication_type is not AuthenticationType.OIDC_FEDERATION:
                raise InvalidState(
                    f"The recipient {recipient!r} signs in by tokens of this server "
                    f"({holder.authentication_type}); create another one with "
                    f"'recipient create NAME --oidc-federation'."
                )
            policy = checked_policy(operation, holder.id, new, name, self._audience)
            await check_new_policy(operation, policy)
            await operation.rows.federation_policies.add(policy)
            return policy

    async def of_recipient(self, context: Context, recipient: str) -> list[FederationPolicy]:
        """Policies of a recipient, by name. Raises NotFound, PermissionDenied."""
        recipient = normalize_name("recipient", recipient)
        async with context.view(AuditAction.LIST_FEDERATION_POLICIES, _target(recipient)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            holder = await find_recipient(operation, recipient)
            return await operation.rows.federation_policies.of_holder(holder.id)

    async def get(self, context: Context, recipient: str, name: str) -> FederationPolicy:
        """Policy of a recipient. Raises NotFound, PermissionDenied."""
        recipient = normalize_name("recipient", recipient)
        async with context.view(AuditAction.GET_FEDERATION_POLICY, _target(recipient)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            holder = await find_recipient(operation, recipient)
            for policy in await operation.rows.federation_policies.of_holder(holder.id):
                if policy.name == name:
                    return policy
            raise _no_policy(recipient, name)

    async def delete(self, context: Context, recipient: str, name: str) -> None:
        """Delete a policy; calls and download URLs under it end immediately. Raises NotFound."""
        recipient = normalize_name("recipient", recipient)
        async with context.change(AuditAction.DELETE_FEDERATION_POLICY, _target(recipient)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            holder = await find_recipient(operation, recipient)
            if not await operation.rows.federation_policies.delete(holder.id, name):
                raise _no_policy(recipient, name)


def _no_policy(recipient: str, name: str) -> NotFound:
    return NotFound(f"The recipient {recipient!r} has no federation policy {name!r}.")


def _target(name: str) -> Target:
    return Target(SecurableType.RECIPIENT, name, recipient=name)

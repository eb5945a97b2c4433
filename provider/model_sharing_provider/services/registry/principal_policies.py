"""Federation policies of principals: which tokens of other issuers they call the APIs with.

The subject of a policy is one user or service principal, whose groups and privileges hold as with its own
access tokens. A policy can let a claim of the token give more groups, out of a list: an issuer cannot put
anybody into other ones.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.federation import FederationPolicy, NewFederationPolicy
from model_sharing_provider.domain.principals import ALL_USERS, Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.rules import ADMINISTRATORS
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.policy_checks import check_new_policy, checked_policy
from model_sharing_provider.services.registry.principals import find_principal


class PrincipalPolicies:
    """Federation policies; `audience` is that of policies without one: this server's public URL, if set."""

    def __init__(self, audience: str) -> None:
        self._audience = audience

    async def create(
        self, context: Context, principal: str, new: NewFederationPolicy, name: str | None = None
    ) -> FederationPolicy:
        """Create a policy of a principal; without `name`, one is made up.

        Raises NotFound and InvalidState for a principal or group that is missing or of another type,
        InvalidParameter, AlreadyExists, also for a policy for the same subject and audience, even if it is
        another's.
        """
        async with context.change(AuditAction.CREATE_FEDERATION_POLICY, _target(principal)) as operation:
            await operation.authorize(ADMINISTRATORS)
            holder = (await find_principal(operation, principal)).principal
            if holder.type is PrincipalType.GROUP:
                raise InvalidState(f"{principal!r} is a group; create policies for its members.")
            policy = checked_policy(operation, holder.id, new, name, self._audience)
            await check_new_policy(operation, policy)
            await _check_groups(operation, policy)
            await operation.rows.federation_policies.add(policy)
            return policy

    async def of_principal(self, context: Context, principal: str) -> list[FederationPolicy]:
        """Policies of a principal, by name. Raises NotFound, PermissionDenied."""
        async with context.view(AuditAction.LIST_FEDERATION_POLICIES, _target(principal)) as operation:
            await operation.authorize(ADMINISTRATORS)
            holder = (await find_principal(operation, principal)).principal
            return await operation.rows.federation_policies.of_holder(holder.id)

    async def get(self, context: Context, principal: str, name: str) -> FederationPolicy:
        """Policy of a principal. Raises NotFound, PermissionDenied."""
        async with context.view(AuditAction.GET_FEDERATION_POLICY, _target(principal)) as operation:
            await operation.authorize(ADMINISTRATORS)
            holder = (await find_principal(operation, principal)).principal
            return await _find(operation, holder, name)

    async def update(
        self, context: Context, principal: str, name: str, new: NewFederationPolicy, changed: Collection[str]
    ) -> FederationPolicy:
        """Replace the fields of a policy that are named in `changed` by those of `new`.

        Unless it is the comment alone, calls, sessions and URLs under the policy as it was end immediately.
        Raises NotFound, and what `create` raises.
        """
        async with context.change(AuditAction.UPDATE_FEDERATION_POLICY, _target(principal)) as operation:
            await operation.authorize(ADMINISTRATORS)
            holder = (await find_principal(operation, principal)).principal
            present = await _find(operation, holder, name)
            wanted = replace(present.content, **{field: getattr(new, field) for field in changed})
            policy = checked_policy(operation, holder.id, wanted, name, self._audience)
            policy = replace(policy, created_at=present.created_at)
            if replace(present.content, comment="") == replace(policy.content, comment=""):
                await operation.rows.federation_policies.describe(present.id, policy.comment, operation.now)
                return replace(policy, id=present.id)
            await operation.rows.federation_policies.delete(holder.id, name)
            await check_new_policy(operation, policy)
            await _check_groups(operation, policy)
            await operation.rows.federation_policies.add(policy)
            return policy

    async def delete(self, context: Context, principal: str, name: str) -> None:
        """Delete a policy; calls and URLs under it end immediately. Raises NotFound."""
        async with context.change(AuditAction.DELETE_FEDERATION_POLICY, _target(principal)) as operation:
            await operation.authorize(ADMINISTRATORS)
            holder = (await find_principal(operation, principal)).principal
            if not await operation.rows.federation_policies.delete(holder.id, name):
                raise _missing(principal, name)


async def _find(operation: Operation, holder: Principal, name: str) -> FederationPolicy:
    for policy in await operation.rows.federation_policies.of_holder(holder.id):
        if policy.name == name:
            return policy
    raise _missing(holder.name, name)


def _missing(principal: str, name: str) -> NotFound:
    return NotFound(f"The principal {principal!r} has no federation policy {name!r}.")


async def _check_groups(operation: Operation, policy: FederationPolicy) -> None:
    """Check that what a policy gives are groups, and name them in the audit event."""
    for name in policy.groups:
        found = (await find_principal(operation, name)).principal
        if found.type is not PrincipalType.GROUP or name == ALL_USERS:
            raise InvalidState(f"{name!r} is not a group whose members can be changed.")
    if policy.groups:
        holder, given = operation.target.securable, ", ".join(map(repr, policy.groups))
        operation.refine_target(name=f"{holder}: {policy.groups_claim!r} of {policy.name!r} gives {given}")


def _target(name: str) -> Target:
    return Target(SecurableType.PRINCIPAL, name)

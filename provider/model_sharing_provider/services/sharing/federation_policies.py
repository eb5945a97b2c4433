"""Federation policies of recipients: which tokens of other issuers they sign in with.

They have Databricks' fields and semantics.
"""

from __future__ import annotations

import re
from uuid import uuid4

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.names import normalize_name
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.federation import (
    MAX_AUDIENCES,
    MAX_POLICIES,
    FederationPolicy,
    NewFederationPolicy,
)
from model_sharing_provider.domain.limits import check_comment, check_text
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import AuthenticationType
from model_sharing_provider.governance import rules
from model_sharing_provider.governance.issuers import check_issuer
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.recipients import find_recipient

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_MAX_CLAIM, _MAX_SUBJECT, _MAX_AUDIENCE = 255, 1024, 1024


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
        async with context.change(AuditAction.CREATE_FEDERATION_POLICY, _target(recipient)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            holder = await find_recipient(operation, recipient)
            if holder.authentication_type is not AuthenticationType.OIDC_FEDERATION:
                raise InvalidState(
                    f"The recipient {recipient!r} signs in by tokens of this server "
                    f"({holder.authentication_type}); create another one with "
                    f"'recipient create NAME --oidc-federation'."
                )
            policy = self._checked(operation, holder.id, new, name)
            await _check_new(operation, policy)
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

    def _checked(
        self, operation: Operation, holder_id: str, new: NewFederationPolicy, name: str | None
    ) -> FederationPolicy:
        audiences = tuple(dict.fromkeys(new.audiences)) or ((self._audience,) if self._audience else ())
        if not audiences:
            raise InvalidParameter(
                "The policy names no audience, and this server has no public URL to stand for one; give what "
                "tokens for this server have as their 'aud'."
            )
        if len(audiences) > MAX_AUDIENCES:
            raise InvalidParameter(f"A policy has at most {MAX_AUDIENCES} audiences.")
        policy_id = str(uuid4())
        return FederationPolicy(
            id=policy_id,
            holder_id=holder_id,
            name=_checked_name(policy_id if name is None else name),
            issuer=check_issuer(new.issuer),
            subject_claim=_checked_text("subject_claim", new.subject_claim, _MAX_CLAIM),
            subject=_checked_text("subject", new.subject, _MAX_SUBJECT),
            audiences=tuple(_checked_text("audience", each, _MAX_AUDIENCE) for each in audiences),
            comment=check_comment(new.comment),
            created_at=operation.now,
            updated_at=operation.now,
        )


async def _check_new(operation: Operation, policy: FederationPolicy) -> None:
    """Raise AlreadyExists or InvalidState for a policy that cannot be added to the others."""
    others = await operation.rows.federation_policies.of_holder(policy.holder_id)
    if any(each.name == policy.name for each in others):
        raise AlreadyExists(f"The federation policy {policy.name!r} exists already.")
    if len(others) >= MAX_POLICIES:
        raise InvalidState(f"There are {MAX_POLICIES} federation policies already; delete one first.")
    for twin in await operation.rows.federation_policies.twins(policy):
        if not set(twin.audiences).isdisjoint(policy.audiences):
            raise AlreadyExists(
                "A federation policy for this issuer, subject and audience exists already, of this recipient "
                "or of another; a token can be for one of them only."
            )


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidParameter(
            f"{name!r} cannot be the name of a federation policy; write up to 63 lowercase letters, digits "
            "and hyphens, not beginning with a hyphen."
        )
    return name


def _checked_text(what: str, text: str, limit: int) -> str:
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise InvalidParameter(
            f"{text!r} cannot be the {what} of a federation policy; write it as in the tokens."
        )
    return check_text(what, text, limit)


def _no_policy(recipient: str, name: str) -> NotFound:
    return NotFound(f"The recipient {recipient!r} has no federation policy {name!r}.")


def _target(name: str) -> Target:
    return Target(SecurableType.RECIPIENT, name, recipient=name)

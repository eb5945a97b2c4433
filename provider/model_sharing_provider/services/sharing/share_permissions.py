"""Permissions on shares: which recipients may read them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from model_sharing_protocol.errors import InvalidParameter, InvalidState
from model_sharing_protocol.names import normalize_name
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import Recipient, Share, ShareGrant
from model_sharing_provider.governance import rules
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.recipients import find_recipient
from model_sharing_provider.services.sharing.shares import find_share, share_target


class SharePermissions:
    """Grants of shares, which their owners see and change. `registry.permissions` has all others."""

    async def get(self, context: Context, share: str, recipient: str = "") -> list[ShareGrant]:
        """Grants of a share, to one recipient or to all. Raises NotFound, PermissionDenied."""
        share = normalize_name("share", share)
        async with context.view(AuditAction.GET_SHARE_PERMISSIONS, share_target(share)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            found = await find_share(operation, share)
            grants = await operation.rows.share_grants.of_shares(found.id)
            return [grant for grant in grants if recipient.lower() in ("", grant.recipient)]

    async def update(
        self, context: Context, share: str, changes: Sequence[PrivilegeChange]
    ) -> list[ShareGrant]:
        """Grant and revoke, all or none; the grants afterwards.

        Raises NotFound, InvalidState, and InvalidParameter for a change that does both.
        """
        for change in changes:
            if change.add and change.remove:
                raise InvalidParameter(f"SELECT is both granted to {change.principal!r} and revoked.")
        recipients = ",".join(change.principal for change in changes)
        async with context.change(
            AuditAction.UPDATE_SHARE_PERMISSIONS, share_target(share, recipients)
        ) as operation:
            await operation.authorize(rules.OWN_SHARE)
            found = await find_share(operation, share)
            for change in changes:
                if change.add:
                    await _grant(operation, found, change.principal)
                elif change.remove:
                    await _revoke(operation, found, change.principal)
            return await operation.rows.share_grants.of_shares(found.id)

    async def grant(self, context: Context, share: str, recipient: str) -> ShareGrant:
        """Grant a share to a recipient; granting again changes nothing. Raises NotFound."""
        async with context.change(
            AuditAction.UPDATE_SHARE_PERMISSIONS, share_target(share, recipient)
        ) as operation:
            await operation.authorize(rules.OWN_SHARE)
            return await _grant(operation, await find_share(operation, share), recipient)

    async def revoke(self, context: Context, share: str, recipient: str) -> None:
        """Revoke a share; access and outstanding URLs end immediately. Raises NotFound, InvalidState."""
        async with context.change(
            AuditAction.UPDATE_SHARE_PERMISSIONS, share_target(share, recipient)
        ) as operation:
            await operation.authorize(rules.OWN_SHARE)
            await _revoke(operation, await find_share(operation, share), recipient)


async def _own_recipient(operation: Operation, name: str) -> Recipient:
    """Find a recipient that the caller owns: a grant needs ownership of share and recipient."""
    name = normalize_name("recipient", name)
    await operation.authorize(rules.OWN_RECIPIENT, Target(SecurableType.RECIPIENT, name))
    return await find_recipient(operation, name)


async def _grant(operation: Operation, share: Share, recipient: str) -> ShareGrant:
    holder = await _own_recipient(operation, recipient)
    if existing := await operation.rows.share_grants.find(share.id, holder.id):
        return existing
    grant = ShareGrant(
        id=str(uuid4()),
        share=share.name,
        recipient=holder.name,
        privilege=Privilege.SELECT,
        granted_at=operation.now,
        granted_by=operation.principal.name,
    )
    await operation.rows.share_grants.add(grant, share.id, holder.id)
    return grant


async def _revoke(operation: Operation, share: Share, recipient: str) -> None:
    # The owner of a share can end access to it, whoever owns the recipient.
    holder = await find_recipient(operation, normalize_name("recipient", recipient))
    grant = await operation.rows.share_grants.find(share.id, holder.id)
    if grant is None:
        raise InvalidState(f"The share {share.name!r} is not granted to {recipient!r}.")
    await operation.rows.share_grants.delete(grant.id)

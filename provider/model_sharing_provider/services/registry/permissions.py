"""Permissions of the metastore's own principals: granted on a securable, or inherited from above."""

from __future__ import annotations

from collections.abc import Sequence

from model_sharing_protocol.errors import InvalidState
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.controls import CHANGES_BELOW_CATALOGS, CONTROLS
from model_sharing_provider.governance.permissions import (
    PrivilegeChange,
    PrivilegeGrant,
    effective_grants,
)
from model_sharing_provider.governance.rules import ANY_PRINCIPAL, MANAGE
from model_sharing_provider.metastore.authorization.effective_privileges import SecurableNode
from model_sharing_provider.services.context import Context, Operation, absent
from model_sharing_provider.services.registry.principals import find_principal


class Permissions:
    """Permissions of securables. Managers see and change all grants; others see only their own."""

    async def get(
        self, context: Context, kind: SecurableType, name: str, principal: str = ""
    ) -> list[PrivilegeGrant]:
        """Grants on the securable itself. Raises NotFound, PermissionDenied."""
        async with context.view(AuditAction.GET_PERMISSIONS, Target(kind, name)) as operation:
            path = await _visible_path(operation, kind, name, principal)
            grants = await operation.rows.privilege_grants.list_on(
                [place for place in path if place.type is kind]
            )
            return [grant for grant in grants if not principal or grant.principal == principal]

    async def effective(
        self, context: Context, kind: SecurableType, name: str, principal: str = ""
    ) -> list[PrivilegeGrant]:
        """Effective grants on the securable, own and inherited, each with its origin. Raises NotFound."""
        async with context.view(AuditAction.GET_EFFECTIVE_PERMISSIONS, Target(kind, name)) as operation:
            path = await _visible_path(operation, kind, name, principal)
            return effective_grants(await operation.rows.privilege_grants.list_on(path), kind, principal)

    async def of_caller(self, context: Context, kind: SecurableType, name: str) -> list[PrivilegeGrant]:
        """Effective grants of the caller and its groups on the securable, each with its origin.

        A missing securable looks like one without any.
        """
        async with context.view(AuditAction.GET_EFFECTIVE_PERMISSIONS, Target(kind, name)) as operation:
            own = {each.name for each in operation.principal.identities}
            path = await _visible_path(operation, kind, name, operation.principal.name)
            grants = await operation.rows.privilege_grants.list_on(path)
            return effective_grants([grant for grant in grants if grant.principal in own], kind)

    async def refusals(self, context: Context, kind: SecurableType, name: str = "") -> dict[str, str]:
        """Reason why the caller may not use each control of the securable; empty where it may."""
        writing = CHANGES_BELOW_CATALOGS.get(kind, frozenset())
        return await context.refusals(Target(kind, name), CONTROLS[kind], writing)

    async def update(
        self, context: Context, kind: SecurableType, name: str, changes: Sequence[PrivilegeChange]
    ) -> list[PrivilegeGrant]:
        """Grant and revoke, all or none; return the resulting grants. Raises NotFound, PermissionDenied."""
        async with context.change(AuditAction.UPDATE_PERMISSIONS, Target(kind, name)) as operation:
            await operation.authorize(MANAGE[kind])
            place = (await _path(operation, kind, name))[-1]
            for change in changes:
                principal = (await find_principal(operation, change.principal)).principal
                if principal.type is PrincipalType.ADMIN and change.add:
                    raise InvalidState(f"{principal.name!r} administers the metastore and needs no grants.")
                await operation.rows.privilege_grants.add(
                    place, principal, change.add, operation.now, operation.principal.name
                )
                await operation.rows.privilege_grants.remove(place, principal, change.remove)
            return await operation.rows.privilege_grants.list_on([place])


async def _visible_path(
    operation: Operation, kind: SecurableType, name: str, principal: str
) -> list[SecurableNode]:
    """Path to the securable, for its managers, and for principals that ask for their own grants.

    For the latter, a missing securable looks like one without grants for them.
    """
    if principal in {each.name for each in operation.principal.identities}:
        await operation.authorize(ANY_PRINCIPAL)
        return await operation.rows.effective_privileges.path(kind, name)
    await operation.authorize(MANAGE[kind])
    return await _path(operation, kind, name)


async def _path(operation: Operation, kind: SecurableType, name: str) -> list[SecurableNode]:
    path = await operation.rows.effective_privileges.path(kind, name)
    if path[-1].type is not kind:
        raise absent(kind, name)
    return path

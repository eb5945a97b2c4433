"""Directory: principals by their ids, as scripts and identity systems list and change them (SCIM)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import uuid4

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState, NotFound
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.principals import (
    ALL_USERS,
    MemberChange,
    NameFilter,
    Principal,
    PrincipalInfo,
    PrincipalType,
)
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.rules import ADMINISTRATORS
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.principals import check_principal_name, find_principal

LISTED_AT_ONCE = 100
MAX_MEMBERS = 10_000


class Directory:
    async def listed(
        self,
        context: Context,
        kinds: Iterable[PrincipalType],
        wanted: NameFilter | None = None,
        *,
        after: int = 0,
        limit: int = LISTED_AT_ONCE,
    ) -> tuple[Sequence[PrincipalInfo], int]:
        """Principals of these kinds by name, from the one at the index `after` on; and the number of all.

        At most `LISTED_AT_ONCE` are returned.
        """
        async with context.view(AuditAction.LIST_PRINCIPALS, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(ADMINISTRATORS)
            size = min(max(limit, 0), LISTED_AT_ONCE)
            return await operation.rows.principals.listed(tuple(kinds), wanted, after, size)

    async def find(
        self, context: Context, principal_id: str, kinds: Collection[PrincipalType]
    ) -> PrincipalInfo:
        """Principal of one of these kinds. Raises NotFound."""
        async with context.view(AuditAction.GET_PRINCIPAL, _target(principal_id)) as operation:
            await operation.authorize(ADMINISTRATORS)
            return await _find(operation, principal_id, kinds)

    async def set_active(self, context: Context, principal_id: str, *, active: bool) -> PrincipalInfo:
        """Accept or refuse a principal's tokens; it keeps what it owns. Raises NotFound, InvalidState."""
        async with context.change(AuditAction.UPDATE_PRINCIPAL, _target(principal_id)) as operation:
            await operation.authorize(ADMINISTRATORS)
            found = await _find(operation, principal_id, tuple(PrincipalType))
            if found.principal.type is PrincipalType.GROUP:
                raise InvalidState(f"{found.principal.name!r} is a group, which is never inactive.")
            if found.principal.id == operation.principal.id and not active:
                raise InvalidState("You cannot deactivate yourself; ask another administrator.")
            await operation.rows.principals.set_active(principal_id, active=active)
            return await _find(operation, principal_id, tuple(PrincipalType))

    async def create_group(self, context: Context, name: str, members: Sequence[str]) -> PrincipalInfo:
        """Create a group with members, given by their ids. Raises AlreadyExists, NotFound, InvalidState."""
        check_principal_name(name)
        async with context.change(AuditAction.CREATE_PRINCIPAL, _target(name)) as operation:
            await operation.authorize(ADMINISTRATORS)
            if await operation.rows.principals.find(name):
                raise AlreadyExists(f"The principal {name!r} exists already.")
            group = Principal(PrincipalType.GROUP, str(uuid4()), name)
            await operation.rows.principals.add(group, operation.now)
            return await _set_members(operation, await find_principal(operation, name), set(members))

    async def change_members(
        self, context: Context, group_id: str, changes: Sequence[MemberChange]
    ) -> PrincipalInfo:
        """Change the members of a group, in order, all or none. Raises NotFound, InvalidState."""
        async with context.change(AuditAction.UPDATE_PRINCIPAL, _target(group_id)) as operation:
            await operation.authorize(ADMINISTRATORS)
            group = await _find(operation, group_id, (PrincipalType.GROUP,))
            members = {member.id for member in group.member_principals}
            for change in changes:
                members = change.apply(members)
            return await _set_members(operation, group, members)


async def _set_members(operation: Operation, group: PrincipalInfo, members: set[str]) -> PrincipalInfo:
    name = group.principal.name
    if len(members) > MAX_MEMBERS:
        raise InvalidParameter(f"A group has at most {MAX_MEMBERS} members; {len(members)} were given.")
    present = {member.id for member in group.member_principals}
    if name == ALL_USERS and members != present:
        raise InvalidState(f"Everybody is in {name!r}; its members cannot be changed.")
    for member_id in sorted(members - present):
        member = await _find(operation, member_id, tuple(PrincipalType))
        if member.principal.type is PrincipalType.GROUP:
            raise InvalidState(f"{member.principal.name!r} is a group; groups contain no other groups.")
        await operation.rows.principals.add_member(group.principal.id, member_id)
    for member_id in sorted(present - members):
        await operation.rows.principals.remove_member(group.principal.id, member_id)
    return await find_principal(operation, name)


async def _find(operation: Operation, principal_id: str, kinds: Collection[PrincipalType]) -> PrincipalInfo:
    found = await operation.rows.principals.find_by_id(principal_id)
    if found is None or found.principal.type not in kinds:
        raise NotFound(f"There is no such principal: {principal_id!r}.")
    operation.refine_target(name=found.principal.name)
    return found


def _target(name: str) -> Target:
    return Target(SecurableType.PRINCIPAL, name)

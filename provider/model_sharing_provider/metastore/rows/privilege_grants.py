"""Rows of grants to the metastore's own principals, on any securable; those of shares: `share_grants`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import uuid4

from sqlalchemy import delete, insert, select

from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.governance.permissions import PrivilegeGrant
from model_sharing_provider.metastore.authorization.effective_privileges import SecurableNode
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.tables import grants, principals


class PrivilegeGrantRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def list_on(self, places: Sequence[SecurableNode]) -> list[PrivilegeGrant]:
        """All grants on these securables, by securable and principal."""
        by_id = {place.id: place for place in places}
        query = (
            select(grants.c.securable_id, grants.c.privilege, principals.c.name)
            .join_from(grants, principals, principals.c.id == grants.c.principal_id)
            .where(grants.c.securable_id.in_(by_id))
            .order_by(principals.c.name, grants.c.privilege)
        )
        return [
            PrivilegeGrant(
                row.name, row.privilege, by_id[row.securable_id].type, by_id[row.securable_id].name
            )
            for row in await self._connection.execute(query)
        ]

    async def add(
        self, place: SecurableNode, principal: Principal, privileges: Iterable[str], now: int, granted_by: str
    ) -> None:
        """Add the grants that are missing."""
        query = select(grants.c.privilege).where(
            grants.c.securable_id == place.id, grants.c.principal_id == principal.id
        )
        known = set((await self._connection.execute(query)).scalars())
        added = sorted(set(privileges) - known)
        if added:
            await self._changes.record_permissions(principal.id)
        for privilege in added:
            await self._connection.execute(
                insert(grants).values(
                    id=str(uuid4()),
                    securable_type=place.type,
                    securable_id=place.id,
                    principal_id=principal.id,
                    privilege=privilege,
                    granted_at=now,
                    granted_by=granted_by,
                )
            )

    async def remove(self, place: SecurableNode, principal: Principal, privileges: Collection[str]) -> None:
        removed = delete(grants).where(
            grants.c.securable_id == place.id,
            grants.c.principal_id == principal.id,
            grants.c.privilege.in_(privileges),
        )
        if (await self._connection.execute(removed)).rowcount:
            await self._changes.record_permissions(principal.id)

    async def forget_securables(self, ids: Sequence[str]) -> None:
        """Delete the grants on deleted securables."""
        await self._connection.execute(delete(grants).where(grants.c.securable_id.in_(ids)))

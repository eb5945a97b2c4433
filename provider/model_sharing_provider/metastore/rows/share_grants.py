"""Rows of grants on shares to recipients."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select

from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import Share, ShareGrant
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.rows.share_mapping import read_share, read_share_grant
from model_sharing_provider.metastore.tables import grants, recipients, shares


class ShareGrantRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, grant: ShareGrant, share_id: str, recipient_id: str) -> None:
        await self._connection.execute(
            insert(grants).values(
                id=grant.id,
                securable_type=SecurableType.SHARE,
                securable_id=share_id,
                principal_id=recipient_id,
                privilege=grant.privilege,
                granted_at=grant.granted_at,
                granted_by=grant.granted_by,
            )
        )

    async def find_granted(self, share: str, recipient_id: str) -> tuple[Share, ShareGrant] | None:
        """Share by name with the recipient's grant on it; None if it does not exist or is not granted."""
        values = {"share": share, "recipient_id": recipient_id}
        row = (await self._connection.execute(_GRANTED, values)).first()
        if row is None:
            return None
        found = row._mapping
        return read_share(found), read_share_grant(found, grant_id="grant_id", share="name")

    async def find(self, share_id: str, recipient_id: str) -> ShareGrant | None:
        query = _grants().where(grants.c.securable_id == share_id, grants.c.principal_id == recipient_id)
        found = await self._read(query)
        return found[0] if found else None

    async def of_shares(self, *share_ids: str) -> list[ShareGrant]:
        return await self._read(_grants().where(grants.c.securable_id.in_(share_ids)))

    async def of_recipients(self, *recipient_ids: str) -> list[ShareGrant]:
        return await self._read(_grants().where(grants.c.principal_id.in_(recipient_ids)))

    async def oldest(self, limit: int) -> list[tuple[str, str]]:
        """Share and recipient of the oldest grants, at most `limit`."""
        first = _grants().order_by(None).order_by(grants.c.granted_at, grants.c.id).limit(limit)
        return [(grant.share, grant.recipient) for grant in await self._read(first)]

    async def delete(self, grant_id: str) -> None:
        await self._connection.execute(delete(grants).where(grants.c.id == grant_id))

    async def _read(self, query: Select[Any]) -> list[ShareGrant]:
        return [read_share_grant(row._mapping) for row in await self._connection.execute(query)]


def _grants() -> Select[Any]:
    return (
        select(grants, shares.c.name.label("share"), recipients.c.name.label("recipient"))
        .join_from(grants, shares, shares.c.id == grants.c.securable_id)
        .join(recipients, recipients.c.id == grants.c.principal_id)
        .where(grants.c.securable_type == SecurableType.SHARE)
        .order_by(shares.c.name, recipients.c.name)
    )


_GRANTED = (
    select(
        shares,
        grants.c.id.label("grant_id"),
        grants.c.privilege,
        grants.c.granted_at,
        grants.c.granted_by,
        recipients.c.name.label("recipient"),
    )
    .join_from(shares, grants, grants.c.securable_id == shares.c.id)
    .join(recipients, recipients.c.id == grants.c.principal_id)
    .where(shares.c.name == bindparam("share"), grants.c.principal_id == bindparam("recipient_id"))
)

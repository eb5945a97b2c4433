"""Rows of the provider's own principals and their access tokens."""

from __future__ import annotations

from sqlalchemy import insert, select

from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.metastore.connection import Connection
from model_sharing_provider.metastore.tables import access_tokens, principals


class PrincipalRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find_administrator(self) -> Principal | None:
        """The administrator that the first start created."""
        query = select(principals).where(principals.c.type == PrincipalType.ADMIN)
        row = (await self._connection.execute(query.order_by(principals.c.created_at))).first()
        return Principal(PrincipalType.ADMIN, row.id, row.name) if row else None

    async def find_by_token(self, token_hash: str) -> Principal | None:
        query = (
            select(principals)
            .join_from(access_tokens, principals)
            .where(access_tokens.c.token_hash == token_hash)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return Principal(PrincipalType(row.type), row.id, row.name) if row else None

    async def add(self, principal: Principal, now: int) -> None:
        await self._connection.execute(
            insert(principals).values(
                id=principal.id, type=principal.type, name=principal.name, created_at=now
            )
        )

    async def add_token(self, id_: str, principal_id: str, token_hash: str, now: int) -> None:
        await self._connection.execute(
            insert(access_tokens).values(
                id=id_, principal_id=principal_id, token_hash=token_hash, created_at=now
            )
        )

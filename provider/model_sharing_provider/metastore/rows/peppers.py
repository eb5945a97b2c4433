"""Rows of peppers: a hash of each pepper that this database's hashes were made with."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import insert, select

from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import token_peppers


class PepperRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def known(self) -> set[str]:
        return set((await self._connection.execute(select(token_peppers.c.check_hash))).scalars())

    async def remember(self, checks: Iterable[str]) -> None:
        """Add the missing ones."""
        for check in set(checks) - await self.known():
            await self._connection.execute(insert(token_peppers).values(check_hash=check))

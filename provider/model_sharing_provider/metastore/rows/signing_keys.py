"""Rows of signing keys: fingerprints of all keys that this database's models were signed with."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, insert, select

from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import signing_keys


class SigningKeyRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def known(self) -> set[str]:
        return set((await self._connection.execute(select(signing_keys.c.fingerprint))).scalars())

    async def remember(self, fingerprints: Iterable[str]) -> None:
        """Add the missing ones."""
        for fingerprint in set(fingerprints) - await self.known():
            await self._connection.execute(insert(signing_keys).values(fingerprint=fingerprint))

    async def forget(self) -> None:
        """Delete all, when other keys replace them."""
        await self._connection.execute(delete(signing_keys))

"""Rows of the explorer's sessions, each of an access token, which it ends with."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import access_tokens, sessions


class SessionRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, session_hash: str, token_id: str, now: int, expires_at: int) -> int:
        """Add a session, which ends at `expires_at` (epoch ms) or earlier with its token; return its end.

        Sessions that have expired are deleted.
        """
        await self._connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
        token_end = select(access_tokens.c.expires_at).where(access_tokens.c.id == token_id)
        ends = (await self._connection.execute(token_end)).scalar_one()
        expires_at = expires_at if ends is None else min(expires_at, ends)
        await self._connection.execute(
            insert(sessions).values(
                session_hash=session_hash, token_id=token_id, created_at=now, expires_at=expires_at
            )
        )
        return expires_at

    async def delete(self, session_hash: str) -> bool:
        """Delete a session; False if there is none."""
        result = await self._connection.execute(
            delete(sessions).where(sessions.c.session_hash == session_hash).returning(sessions.c.session_hash)
        )
        return result.first() is not None

"""Rows of the explorer's sessions, each of an access token or a federation policy, which it ends with."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import Delete, delete, insert, or_, select

from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import access_tokens, federation_policies, sessions


class SessionRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, session_hash: str, token_id: str, now: int, expires_at: int, group_ids: Collection[str] = ()
    ) -> int | None:
        """Add a session of the token or federation policy with this id; return its end in epoch ms.

        That is `expires_at`, or earlier with the token. None if there is neither any more. `group_ids` are
        the groups that a token of another issuer gave. Sessions that have expired are deleted.
        """
        await self._connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
        token = select(access_tokens.c.expires_at).where(access_tokens.c.id == token_id)
        policy = select(federation_policies.c.id).where(federation_policies.c.id == token_id)
        of_token = (await self._connection.execute(token)).first()
        if of_token is None and (await self._connection.execute(policy)).first() is None:
            return None
        if of_token is not None and of_token.expires_at is not None:
            expires_at = min(expires_at, of_token.expires_at)
        await self._connection.execute(
            insert(sessions).values(
                session_hash=session_hash,
                token_id=token_id if of_token is not None else None,
                policy_id=token_id if of_token is None else None,
                group_ids=json.dumps(sorted(group_ids)),
                created_at=now,
                expires_at=expires_at,
            )
        )
        return expires_at

    async def delete(self, session_hash: str) -> bool:
        """Delete a session; True for one that was begun at an identity provider."""
        result = await self._connection.execute(
            delete(sessions).where(sessions.c.session_hash == session_hash).returning(sessions.c.policy_id)
        )
        row = result.first()
        return row is not None and row.policy_id is not None


def delete_sessions_of(principal_id: str) -> Delete:
    """Statement that deletes all sessions of a principal."""
    tokens = select(access_tokens.c.id).where(access_tokens.c.principal_id == principal_id)
    policies = select(federation_policies.c.id).where(federation_policies.c.holder_id == principal_id)
    return delete(sessions).where(or_(sessions.c.token_id.in_(tokens), sessions.c.policy_id.in_(policies)))
